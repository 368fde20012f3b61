/** Prefixes by which skopeo, podman and others say where an image lies, and what to write here instead. */
const TRANSPORTS: Readonly<Record<string, string>> = {
  oci: 'write oci: in lower case',
  'oci-archive': 'write oci-archive: in lower case',
  'oci-layout': 'write oci:DIR:TAG',
  ocidir: 'write oci:DIR:TAG',
  dir: 'copy it into a layout first: skopeo copy dir:DIR oci:DIR2:TAG',
  'docker-archive': 'write docker-archive: in lower case',
  'docker-daemon': 'copy it into a layout first: skopeo copy docker-daemon:NAME:TAG oci:DIR:TAG',
  docker: 'omit docker: and write HOST[:PORT]/REPO:TAG',
  'containers-storage': 'copy it into a layout first: skopeo copy containers-storage:NAME:TAG oci:DIR:TAG',
  ostree: 'copy it into a layout first, with skopeo copy',
  sif: 'copy it into a layout first, with skopeo copy',
  tarball: 'copy it into a layout first, with skopeo copy',
  atomic: 'copy it into a layout first, with skopeo copy',
};

const REGISTRY = 'HOST[:PORT]/REPO:TAG for a registry';
/** URLs, by their scheme. */
const URLS: Readonly<Record<string, string>> = {
  oci: `write ${REGISTRY}, oci:DIR:TAG for a directory`,
  'oci-archive': 'write oci-archive:FILE:TAG',
  ocidir: 'write oci:DIR:TAG',
  ocifile: 'write oci:DIR:TAG',
  'oci-layout': 'write oci:DIR:TAG',
  file: 'write oci:DIR:TAG for a directory, oci-archive:FILE:TAG for a tar',
  http: `write ${REGISTRY}, and add --plain-http`,
};

/**
 * What is wrong with a reference that names a transport of other tools or is a URL: `oci://HOST/REPO` of Helm and Flux
 * names a registry, and must not become a folder.
 *
 * @returns undefined for everything else
 */
export function foreignTransport(text: string): { readonly what: string; readonly hint: string } | undefined {
  const [, scheme, slashes] = /^([A-Za-z][A-Za-z0-9+.-]*):(\/\/)?/.exec(text) ?? [];
  if (scheme === undefined) return undefined;
  const name = scheme.toLowerCase();
  if (slashes !== undefined) {
    const hint = Object.hasOwn(URLS, name) ? URLS[name] : `omit ${scheme}:// and write ${REGISTRY}`;
    return { what: `${scheme}:// is a URL, not a reference`, hint: hint as string };
  }
  // A host may have such a name: dir:5000/app.
  if (!Object.hasOwn(TRANSPORTS, name) || /^[^:]*:\d{1,5}\//.test(text)) return undefined;
  return { what: `the transport ${scheme}: is not supported`, hint: TRANSPORTS[name] as string };
}
