import { annotationKeys, CodedError, type Descriptor, type Digest, mediaTypes } from '#core';
import { type ImageManifest, type OperationOptions, parseManifest, type Repository, readNamed } from '#oci/image';
import { type ExportManifest, parseExportManifest } from '../export-manifest.generated.ts';
import { encodeExportManifest } from '../export-manifest.ts';
import { exportManifestAnnotation, exportManifestPath } from '../forms.ts';
import { contentMismatch } from './mismatch.ts';

/** An artifact of ours with its export.json, both checked against their digests. */
export interface ReadArtifact {
  readonly manifest: ImageManifest;
  /** The bytes of the manifest, of which its digest is known to be right. */
  readonly bytes: Uint8Array;
  readonly exportManifest: ExportManifest;
  /** Where export.json is. */
  readonly exportLayer: Descriptor;
  /** The configs of the referrers with export.json. */
  readonly referrerConfigs: readonly Descriptor[];
  /** All that the build made: the artifact, and the referrers with export.json where it does not hold it itself. */
  readonly subjects: readonly Descriptor[];
}

/** export.json lists every file; 100,000 of them fit. */
const MAX_EXPORT_MANIFEST_BYTES = 64 * 1024 * 1024;

/** Reads the manifest and export.json of an artifact whose signature has been proven. */
export async function readArtifact(
  repository: Repository,
  artifact: Descriptor,
  options: OperationOptions,
): Promise<ReadArtifact> {
  const place = `${repository.name}@${artifact.digest}`;
  const bytes = await readNamed(repository, artifact, place, options);
  const manifest = parseImage(bytes, place);
  const found =
    manifest.config.mediaType === mediaTypes.exportManifest
      ? { exportLayer: manifest.config, referrers: [], referrerConfigs: [] }
      : await findReferrers(repository, artifact, manifest, options);
  const { exportLayer, referrers, referrerConfigs } = found;
  const limits = { signal: options.signal, maxBytes: MAX_EXPORT_MANIFEST_BYTES };
  const text = await readNamed(repository, exportLayer, `${place} ${exportManifestPath}`, limits);
  const exportManifest = parseManifestOfExport(text, `${place} ${exportManifestPath}`);
  return { manifest, bytes, exportManifest, exportLayer, referrerConfigs, subjects: [artifact, ...referrers] };
}

/** Every export.json that hangs on the artifact must be the one that the artifact names. */
async function findReferrers(
  repository: Repository,
  artifact: Descriptor,
  manifest: ImageManifest,
  options: OperationOptions,
): Promise<Pick<ReadArtifact, 'exportLayer' | 'referrerConfigs'> & { referrers: readonly Descriptor[] }> {
  const place = `${repository.name}@${artifact.digest}`;
  const named = manifest.annotations?.[exportManifestAnnotation];
  if (named === undefined) throw notOurs(place, 'it has no export.json');
  const filter = { ...options, artifactType: mediaTypes.exportManifest };
  let exportLayer: Descriptor | undefined;
  const referrers: Descriptor[] = [];
  const referrerConfigs: Descriptor[] = [];
  for await (const referrer of repository.referrers(artifact.digest, filter)) {
    const bytes = await readNamed(repository, referrer, place, options);
    const { layers, config } = parseImage(bytes, `${repository.name}@${referrer.digest}`);
    const [layer] = layers;
    if (layer?.digest !== (named as Digest)) throw otherExport(place, referrer.digest, named);
    exportLayer = layer;
    referrers.push(referrer);
    referrerConfigs.push(config);
  }
  if (exportLayer === undefined) throw notOurs(place, `export.json ${named} is not among its referrers`);
  return { exportLayer, referrers, referrerConfigs };
}

function parseImage(bytes: Uint8Array, place: string): ImageManifest {
  const manifest = parseManifest(bytes, undefined, place);
  if (manifest.kind === 'manifest') return manifest;
  throw notOurs(place, `it is an ${manifest.kind}`);
}

/** The layers of an artifact by title. */
export function layersByTitle(manifest: ImageManifest, place: string): Map<string, Descriptor> {
  const layers = new Map<string, Descriptor>();
  for (const layer of manifest.layers) {
    const title = layer.annotations?.[annotationKeys.title];
    if (title === undefined) throw notOurs(place, `layer ${layer.digest} has no title`);
    if (layers.has(title)) throw notOurs(place, `two layers with the title ${JSON.stringify(title)}`);
    layers.set(title, layer);
  }
  return layers;
}

function parseManifestOfExport(bytes: Uint8Array, name: string): ExportManifest {
  let manifest: ExportManifest;
  try {
    manifest = parseExportManifest(bytes, name);
  } catch (cause) {
    throw new CodedError('ERR_EXPORT_CONTENT_MISMATCH', `${name}: not an export manifest that this version supports`, {
      hint: 'verify with the version of Export Center that made it, or a newer one',
      details: { name },
      cause,
    });
  }
  if (Buffer.compare(encodeExportManifest(manifest), bytes) !== 0) throw contentMismatch(name, 'not in canonical form');
  return manifest;
}

function notOurs(place: string, what: string): CodedError {
  return new CodedError('ERR_EXPORT_MANIFEST_INVALID', `${place}: not a complete Export Center bundle: ${what}`, {
    hint: 'check the reference; if it is right, copy the artifact again with all its referrers',
    details: { place },
  });
}

function otherExport(place: string, digest: Digest, named: string): CodedError {
  return new CodedError(
    'ERR_EXPORT_PROVENANCE_MISMATCH',
    `${place}: ${digest} carries a different export.json than ${named}`,
    {
      hint: 'do not use this artifact until you know who attached the referrer; delete the referrer if nobody needs it',
      details: { place, digest },
    },
  );
}
