import { compareText, type Descriptor, type Digest, digestOf, hexOf, mediaTypes } from '#core';
import { type PackedManifest, packManifest } from '#oci';
import type { ExportManifest } from './export-manifest.generated.ts';
import { artifactAnnotations, exportManifestPath, titled } from './export-manifest.ts';
import type { Profile } from './profile.ts';

/** The name of the list in a bundle. It does not list itself. */
export const checksumsPath = 'checksums.txt';

/** One line of the list. */
interface Checksum {
  readonly path: string;
  readonly digest: Digest;
}

/** The annotation by which an artifact names its export.json, where that is not among its layers. */
export const exportManifestAnnotation = 'io.stellaops.export.manifest-digest';

/** What the artifacts of each kind of profile say they are. */
export const artifactTypes: Readonly<Record<Profile['kind'], string>> = {
  json: mediaTypes.exportBundle,
  trivy: mediaTypes.trivyConfig,
};

/** All of a `json` bundle that follows from its export.json. */
export interface RecordManifests {
  /** The bytes of checksums.txt. */
  readonly checksums: Uint8Array;
  readonly artifact: PackedManifest;
  /** Its layers, titled. */
  readonly layers: readonly Descriptor[];
}

/** All of a `trivy` bundle that follows from its export.json. */
export interface TrivyManifests {
  readonly artifact: PackedManifest;
  readonly layers: readonly Descriptor[];
  /** The manifest that attaches export.json to the artifact. */
  readonly referrer: PackedManifest;
}

/**
 * The manifest of a `json` bundle and its checksums.txt: export.json is its config and, under the same digest, one of
 * its files.
 */
export function recordManifests(manifest: ExportManifest, exportLayer: Descriptor): RecordManifests {
  const list = encodeChecksums([...manifest.contents, { path: exportManifestPath, digest: exportLayer.digest }]);
  const checksums = Buffer.from(list);
  const { byteLength } = checksums;
  const checksumsLayer = { mediaType: mediaTypes.text, digest: digestOf(checksums), size: byteLength };
  const config = titled(exportLayer, exportManifestPath);
  const layers = [...contentLayers(manifest), titled(checksumsLayer, checksumsPath), config];
  const annotations = artifactAnnotations(manifest);
  return {
    checksums,
    artifact: packManifest({ artifactType: artifactTypes.json, config, layers, annotations }),
    layers,
  };
}

/** The manifests of a `trivy` bundle. Stock Trivy takes one layer and nothing else, so export.json is a referrer. */
export function trivyManifests(manifest: ExportManifest, exportLayer: Descriptor): TrivyManifests {
  const layers = contentLayers(manifest);
  const annotations = { ...artifactAnnotations(manifest), [exportManifestAnnotation]: exportLayer.digest };
  const artifact = packManifest({ artifactType: artifactTypes.trivy, layers, annotations });
  const { mediaType, digest, size } = artifact.descriptor;
  const referrer = packManifest({
    artifactType: mediaTypes.exportManifest,
    layers: [titled(exportLayer, exportManifestPath)],
    subject: { mediaType, digest, size },
    annotations: artifactAnnotations(manifest),
  });
  return { artifact, layers, referrer };
}

function contentLayers(manifest: ExportManifest): Descriptor[] {
  return manifest.contents.map(({ path, mediaType, digest, sizeBytes }) =>
    titled({ mediaType, digest, size: sizeBytes }, path),
  );
}

/**
 * The list that `sha256sum --check --strict` takes: hex, two spaces, path, LF; in byte order of path.
 *
 * @internal Tested by itself.
 */
export function encodeChecksums(files: readonly Checksum[]): string {
  const sorted = [...files].sort((a, b) => compareText(a.path, b.path));
  return sorted.map(({ path, digest }) => `${hexOf(digest)}  ${path}\n`).join('');
}
