/** Media types that we read or write; docs/FORMATS.md has the table with what each is for. */
export const mediaTypes = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  /** Of image-spec 1.1.0-rc1 and rc2, gone since: oras 0.16 to 1.0, notation 1.0-rc. */
  ociArtifact: 'application/vnd.oci.artifact.manifest.v1+json',
  /** Its forerunner: oras up to 0.15, notation 0.x. */
  orasArtifact: 'application/vnd.cncf.oras.artifact.manifest.v1+json',

  exportBundle: 'application/vnd.stellaops.export.bundle.v1+json',
  exportManifest: 'application/vnd.stellaops.export.manifest.v1+json',
  exportRecords: 'application/vnd.stellaops.export.records.v1.jsonl+zstd',
  exportIndex: 'application/vnd.stellaops.export.index.v1+json',
  exportRedaction: 'application/vnd.stellaops.export.redaction.v1+json',
  mirrorSnapshot: 'application/vnd.stellaops.export.mirror.snapshot.v1+json',
  mirrorDigests: 'application/vnd.stellaops.export.mirror.digests.v1',
  mirrorState: 'application/vnd.stellaops.export.mirror.state.v1+json',
  text: 'text/plain',

  trivyConfig: 'application/vnd.aquasec.trivy.config.v1+json',
  trivyDbLayer: 'application/vnd.aquasec.trivy.db.layer.v1.tar+gzip',

  cosignSimpleSigning: 'application/vnd.dev.cosign.simplesigning.v1+json',
  dsseEnvelope: 'application/vnd.dsse.envelope.v1+json',
  sigstoreBundle: 'application/vnd.dev.sigstore.bundle.v0.3+json',
  inToto: 'application/vnd.in-toto+json',

  tufRepository: 'application/vnd.stellaops.export.tuf.v1+json',
  tufSettings: 'application/vnd.stellaops.export.tuf.settings.v1+json',
  /** Of docker/attest and go-tuf-mirror, as is the annotation `tuf.io/filename`. */
  tufMetadata: 'application/vnd.tuf.metadata+json',
  tufTarget: 'application/vnd.tuf.target',
} as const;

/** Annotation keys that we read or write. */
export const annotationKeys = {
  title: 'org.opencontainers.image.title',
  created: 'org.opencontainers.image.created',
  version: 'org.opencontainers.image.version',
  source: 'org.opencontainers.image.source',
  refName: 'org.opencontainers.image.ref.name',
  /** Of a layer that is a folder, packed by oras: that it is to be unpacked, and the digest of its tar. */
  orasUnpack: 'io.deis.oras.content.unpack',
  orasContentDigest: 'io.deis.oras.content.digest',
  /** The full name of an entry of a layout's index, as containerd, nerdctl and docker save write it. */
  containerdName: 'io.containerd.image.name',
  /** The name of a file of a TUF repository, without its directory. */
  tufFilename: 'tuf.io/filename',
} as const;

const MANIFEST_TYPES: readonly string[] = [
  mediaTypes.ociManifest,
  mediaTypes.ociIndex,
  mediaTypes.dockerManifest,
  mediaTypes.dockerList,
  mediaTypes.ociArtifact,
  mediaTypes.orasArtifact,
];

/** Whether content of this type names other content by descriptor, so that copying must follow it. */
export function isManifestType(mediaType: string): boolean {
  return MANIFEST_TYPES.includes(mediaType);
}

/** Whether this is a list of manifests rather than one. */
export function isIndexType(mediaType: string): boolean {
  return mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerList;
}

/** Whether this is an artifact manifest: `blobs` in place of config and layers. */
export function isArtifactManifestType(mediaType: string): boolean {
  return mediaType === mediaTypes.ociArtifact || mediaType === mediaTypes.orasArtifact;
}
