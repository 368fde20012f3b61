import { CodedError, compareText, type Descriptor, type Digest } from '#core';
import {
  asIncomplete,
  type ByteStream,
  bareDescriptor,
  type ImageManifest,
  type OperationOptions,
  type Repository,
  readNamed,
} from '#oci/image';
import type { ExportManifest } from '../export-manifest.generated.ts';
import { checksumsPath } from '../forms.ts';
import type { Profile } from '../profiles.ts';
import type { ProgressListener } from '../progress.ts';
import { layersByTitle, type ReadArtifact } from './artifact.ts';
import { checkForm } from './form.ts';
import { knownProfileOf } from './known-profile.ts';
import { contentMismatch } from './mismatch.ts';
import { checkItself } from './self-check.ts';

/** Where and how to read. */
export interface CheckOptions extends OperationOptions {
  /** An existing folder for temporary files. */
  readonly workDir: string;
  readonly onProgress?: ProgressListener | undefined;
}

/** A layer that was read to its end and found right. */
export interface CheckedLayer {
  readonly title: string;
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

/**
 * Reads every layer and config of an artifact and holds it against export.json: the same files, digests, sizes and
 * media types, the manifests that follow from it, and inside the files the records and dates that it promises.
 *
 * @throws CodedError ERR_EXPORT_CONTENT_MISMATCH, ERR_EXPORT_DIGEST_MISMATCH, ERR_EXPORT_SIZE_MISMATCH
 */
export async function checkContents(
  repository: Repository,
  read: ReadArtifact,
  options: CheckOptions,
): Promise<CheckedLayer[]> {
  const { manifest, exportManifest } = read;
  const place = repository.name;
  const { profile, options: given } = knownProfileOf(exportManifest, place);
  checkItself(exportManifest, place);
  const layers = layersByTitle(manifest, place);
  checkListed(exportManifest, layers, profile.form.ownTitles, place);
  checkType(profile, manifest, place);
  checkForm(read, profile, place);
  await readConfigs(repository, read, options);
  const content = profile.check(exportManifest, given, options);
  const watch = watcher(layers.values(), options);
  const checked: CheckedLayer[] = [];
  for (const [title, layer] of [...layers].sort(([a], [b]) => compareText(a, b))) {
    const stream = watch(fetchLayer(repository, title, layer, options));
    // checksums.txt follows from export.json, so its digest, which checkForm has compared, says all of it.
    if (title === checksumsPath) await drain(stream);
    else await content.file(title, stream);
    checked.push({ title, mediaType: layer.mediaType, digest: layer.digest, size: layer.size });
  }
  await content.end();
  return checked;
}

/** The content of a layer; what is wrong with it is told by title, which is how consumers know the file. */
async function* fetchLayer(
  repository: Repository,
  title: string,
  layer: Descriptor,
  { signal }: OperationOptions,
): ByteStream {
  try {
    yield* await repository.fetch(bareDescriptor(layer), { signal });
  } catch (cause) {
    const error = asIncomplete(cause, layer, repository.name);
    if (!(error instanceof CodedError)) throw error;
    const { code, message, hint, details } = error;
    throw new CodedError(code, `${title}: ${message}`, {
      ...(hint === undefined ? {} : { hint }),
      details: { ...details, title },
      cause: error,
    });
  }
}

/** Passes streams on, tells how many bytes of all layers have come, and stops when it is told to. */
function watcher(layers: Iterable<Descriptor>, { onProgress, signal }: CheckOptions) {
  let [done, total] = [0, 0];
  for (const { size } of layers) total += size;
  return async function* (stream: ByteStream): ByteStream {
    for await (const chunk of stream) {
      done += chunk.byteLength;
      yield chunk;
      onProgress?.({ stage: 'check', done, total, unit: 'bytes' });
      signal?.throwIfAborted();
    }
  };
}

/** The layers are the contents, and, where the bundle explains itself, export.json and checksums.txt: no more, no less. */
function checkListed(
  manifest: ExportManifest,
  layers: ReadonlyMap<string, Descriptor>,
  ownTitles: readonly string[],
  place: string,
): void {
  for (const { path, digest, sizeBytes, mediaType } of manifest.contents) {
    const layer = layers.get(path);
    if (layer === undefined) throw contentMismatch(place, `${path} is listed in export.json but is not a layer`);
    if (layer.digest !== digest || layer.size !== sizeBytes || layer.mediaType !== mediaType) {
      throw contentMismatch(place, `${path} has digest ${layer.digest}, export.json lists ${digest}`);
    }
  }
  const lost = ownTitles.find((title) => !layers.has(title));
  if (lost !== undefined) throw contentMismatch(place, `${lost} is not a layer`);
  const listed = new Set([...manifest.contents.map((content) => content.path), ...ownTitles]);
  const extra = [...layers.keys()].find((title) => !listed.has(title));
  if (extra !== undefined)
    throw contentMismatch(place, `the layer ${JSON.stringify(extra)} is not listed in export.json`);
}

function checkType(profile: Profile, { artifactType }: ImageManifest, place: string): void {
  if (artifactType === profile.artifactType) return;
  const what = `its artifact type is ${artifactType ?? 'missing'}, which does not match the profile ${profile.name}`;
  throw contentMismatch(place, what);
}

/** Reads the configs that are no layers: those of a `trivy` bundle and of its referrer. */
async function readConfigs(
  repository: Repository,
  { manifest, referrerConfigs }: ReadArtifact,
  { signal }: OperationOptions,
): Promise<void> {
  const files = new Set(manifest.layers.map(({ digest }) => digest));
  const configs = new Map([manifest.config, ...referrerConfigs].map((config) => [config.digest, config]));
  for (const config of configs.values()) {
    if (!files.has(config.digest)) await readNamed(repository, config, `${repository.name}: config`, { signal });
  }
}

async function drain(stream: ByteStream): Promise<void> {
  for await (const _ of stream);
}
