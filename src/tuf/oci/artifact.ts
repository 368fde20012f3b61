import { annotationKeys, type CodedError, type Descriptor, mediaTypes } from '#core';
import {
  fetchBytes,
  layersOf,
  maxManifestBytes,
  type OperationOptions,
  type PackedManifest,
  packManifest,
  parseManifest,
  type Repository,
} from '#oci/image';
import { metadataInvalid, metadataRefused } from '../faults.ts';

/** The two directories of a TUF repository. */
type TufFolder = 'metadata' | 'targets';

/** A file of a TUF repository as a layer. */
export interface TufFile {
  readonly folder: TufFolder;
  /** As clients ask for it: `3.snapshot.json`, `SHA256.feed.1.json`. */
  readonly name: string;
  readonly descriptor: Descriptor;
}

/** A TUF repository as an OCI artifact, read from its manifest. */
export interface TufArtifact {
  /** The descriptor of the manifest. */
  readonly descriptor: Descriptor;
  readonly config: Descriptor;
  /** By directory and name, such as `metadata/1.root.json`. */
  readonly files: ReadonlyMap<string, Descriptor>;
  /** The version of the timestamp, as the manifest says; 0 where it does not. Not trusted. */
  readonly version: number;
}

/** A manifest of 4 MiB has about as many layers. */
const MAX_FILES = 10_000;

/**
 * The manifest over the files of a TUF repository, in their order: the same state always gives the same bytes. The
 * layers have titles, so that what pulls files by title gets the directory that TUF clients read.
 *
 * @param config the settings
 * @param version the version of the timestamp
 * @throws CodedError ERR_EXPORT_TUF_FULL for more files than one manifest can list
 */
export function packArtifact(
  files: readonly TufFile[],
  config: Descriptor,
  version: number,
  subject: Descriptor | undefined,
): PackedManifest {
  if (files.length > MAX_FILES) throw full(files.length);
  const layers = files.map(({ folder, name, descriptor: { digest, size } }) => ({
    mediaType: folder === 'metadata' ? mediaTypes.tufMetadata : mediaTypes.tufTarget,
    digest,
    size,
    annotations: { [annotationKeys.title]: `${folder}/${name}`, [annotationKeys.tufFilename]: name },
  }));
  const annotations = { [annotationKeys.version]: String(version) };
  const packed = packManifest({ artifactType: mediaTypes.tufRepository, config, layers, subject, annotations });
  if (packed.bytes.length > maxManifestBytes) throw full(files.length);
  return packed;
}

function full(count: number): CodedError {
  const hint = 'serve the directory with a web server, or begin another repository';
  return metadataRefused('ERR_EXPORT_TUF_FULL', 'OCI artifact', `${count} files are more than a manifest lists`, hint);
}

/**
 * The TUF repository that a tag or digest names, or, if it names another artifact, the newest one attached to that.
 *
 * @returns undefined where there is nothing of this name
 * @throws CodedError ERR_EXPORT_TUF_STATE where neither is a TUF repository, ERR_EXPORT_TUF_INVALID,
 *   ERR_EXPORT_MANIFEST_INVALID
 */
export async function readArtifact(
  repository: Repository,
  name: string,
  options: OperationOptions = {},
): Promise<TufArtifact | undefined> {
  const descriptor = await repository.resolve(name, options);
  if (descriptor === undefined) return undefined;
  const own = await parseArtifact(repository, descriptor, options);
  if (own !== undefined) return own;
  const attached = await newestAttached(repository, descriptor, options);
  const found = attached && (await parseArtifact(repository, attached, options));
  if (found !== undefined) return found;
  const hint = 'specify an artifact that export-center tuf publish made, or one to which it attached metadata';
  throw metadataRefused('ERR_EXPORT_TUF_STATE', `${repository.name}: ${name}`, 'not a TUF repository', hint);
}

async function newestAttached(
  repository: Repository,
  subject: Descriptor,
  options: OperationOptions,
): Promise<Descriptor | undefined> {
  let newest: Descriptor | undefined;
  const filter = { artifactType: mediaTypes.tufRepository, signal: options.signal };
  for await (const referrer of repository.referrers(subject.digest, filter)) {
    if (newest === undefined || versionOf(referrer.annotations) > versionOf(newest.annotations)) newest = referrer;
  }
  return newest;
}

/** Only what it is called by; a client verifies what the timestamp itself says. */
function versionOf(annotations: Readonly<Record<string, string>> | undefined): number {
  const text = annotations?.[annotationKeys.version] ?? '';
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : 0;
}

async function parseArtifact(
  repository: Repository,
  descriptor: Descriptor,
  options: OperationOptions,
): Promise<TufArtifact | undefined> {
  const name = `${repository.name}: ${descriptor.digest}`;
  const manifest = parseManifest(await fetchBytes(repository, descriptor, options), descriptor.mediaType, name);
  if (manifest.kind !== 'manifest' || manifest.artifactType !== mediaTypes.tufRepository) return undefined;
  const files = new Map<string, Descriptor>();
  for (const layer of layersOf(manifest)) {
    const file = layer.annotations?.[annotationKeys.tufFilename];
    if (file === undefined) continue;
    const path = `${layer.mediaType === mediaTypes.tufTarget ? 'targets' : 'metadata'}/${file}`;
    if (files.has(path)) throw metadataInvalid(name, `two layers are ${path}`);
    files.set(path, layer);
  }
  return { descriptor, config: manifest.config, files, version: versionOf(manifest.annotations) };
}
