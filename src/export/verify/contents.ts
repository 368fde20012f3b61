import { type ContentCheck, checkJsonRaw, checkTrivyDb } from '#artifacts';
import { CodedError, compareText, type Descriptor, type Digest, hexOf } from '#core';
import { type ByteStream, collect, type ImageManifest, type OperationOptions, type Repository } from '#oci';
import { type Checksum, checksumsPath, parseChecksums } from '../checksums.ts';
import type { ExportManifest } from '../export-manifest.generated.ts';
import { exportManifestPath } from '../export-manifest.ts';
import { artifactTypes } from '../pack.ts';
import type { ProgressListener } from '../progress.ts';
import { layersByTitle, type ReadArtifact } from './artifact.ts';
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

const MAX_CHECKSUMS_BYTES = 64 * 1024 * 1024;

/**
 * Reads every layer of an artifact and holds it against export.json: the same files, digests, sizes and media types,
 * and inside them the records and dates that it promises.
 *
 * @throws CodedError ERR_EXPORT_CONTENT_MISMATCH, ERR_EXPORT_DIGEST_MISMATCH, ERR_EXPORT_SIZE_MISMATCH
 */
export async function checkContents(
  repository: Repository,
  { manifest, exportManifest }: ReadArtifact,
  options: CheckOptions,
): Promise<CheckedLayer[]> {
  const place = repository.name;
  checkItself(exportManifest, place);
  const layers = layersByTitle(manifest, place);
  checkListed(exportManifest, layers, place);
  if (exportManifest.profile.kind === 'json') checkOwn(manifest, layers, place);
  checkType(exportManifest, manifest, place);
  const content = checkFor(exportManifest, options);
  const watch = watcher(layers.values(), options);
  const checked: CheckedLayer[] = [];
  for (const [title, layer] of [...layers].sort(([a], [b]) => compareText(a, b))) {
    const stream = watch(fetchLayer(repository, title, layer, options));
    if (title === checksumsPath) checkChecksums(await collect(stream, MAX_CHECKSUMS_BYTES, title), layers);
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
    yield* await repository.fetch(layer, { signal });
  } catch (error) {
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
function checkListed(manifest: ExportManifest, layers: ReadonlyMap<string, Descriptor>, place: string): void {
  for (const { path, digest, sizeBytes, mediaType } of manifest.contents) {
    const layer = layers.get(path);
    if (layer === undefined) throw contentMismatch(place, `${path} is listed in export.json and is no layer`);
    if (layer.digest !== digest || layer.size !== sizeBytes || layer.mediaType !== mediaType) {
      throw contentMismatch(place, `${path} is ${layer.digest}, and export.json lists ${digest}`);
    }
  }
  const listed = new Set(manifest.contents.map((content) => content.path));
  if (manifest.profile.kind === 'json') {
    for (const path of [exportManifestPath, checksumsPath]) listed.add(path);
  }
  const extra = [...layers.keys()].find((title) => !listed.has(title));
  if (extra !== undefined)
    throw contentMismatch(place, `the layer ${JSON.stringify(extra)} is not listed in export.json`);
}

/** The files by which a bundle explains itself; export.json as a layer is the one that was read as the config. */
function checkOwn({ config }: ImageManifest, layers: ReadonlyMap<string, Descriptor>, place: string): void {
  const [own, checksums] = [layers.get(exportManifestPath), layers.get(checksumsPath)];
  if (own === undefined || checksums === undefined) {
    throw contentMismatch(place, `${own === undefined ? exportManifestPath : checksumsPath} is no layer`);
  }
  if (own.digest !== config.digest)
    throw contentMismatch(place, `${exportManifestPath} is ${own.digest}, not the config`);
}

function checkType({ profile }: ExportManifest, { artifactType }: ImageManifest, place: string): void {
  if (artifactType === artifactTypes[profile.kind]) return;
  throw contentMismatch(
    place,
    `its type is ${artifactType ?? 'not said'}, and export.json is that of a ${profile.name}`,
  );
}

function checkChecksums(bytes: Uint8Array, layers: ReadonlyMap<string, Descriptor>): void {
  const lines = new Map(
    parseChecksums(Buffer.from(bytes).toString('utf8')).map((line: Checksum) => [line.path, line.digest]),
  );
  for (const [title, { digest }] of layers) {
    if (title !== checksumsPath && lines.get(title) !== digest) {
      throw contentMismatch(checksumsPath, `${title} is ${hexOf(digest)}, and the list says otherwise`);
    }
  }
  if (lines.size !== layers.size - 1) throw contentMismatch(checksumsPath, 'it lists files that are no layers');
}

function checkFor(manifest: ExportManifest, { workDir, signal }: CheckOptions): ContentCheck {
  const { asOf, inputs, contents, shards, records } = manifest;
  if (manifest.profile.kind === 'trivy') {
    return checkTrivyDb({ asOf, validForSeconds: inputs.options.validForSeconds ?? 0, workDir, signal });
  }
  return checkJsonRaw({ classes: inputs.classes, contents, shards, kept: records.kept });
}
