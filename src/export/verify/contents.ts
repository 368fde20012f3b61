import { type ContentCheck, checkJsonRaw, checkTrivyDb } from '#artifacts';
import { CodedError, type Descriptor, type Digest, hexOf } from '#core';
import { collect, type OperationOptions, type Repository } from '#oci';
import { type Checksum, checksumsPath, parseChecksums } from '../checksums.ts';
import type { ExportManifest } from '../export-manifest.generated.ts';
import { exportManifestPath } from '../export-manifest.ts';
import { inputsHashOf, rerunHashOf } from '../hashes.ts';
import type { ProgressListener } from '../progress.ts';
import { layersByTitle, type ReadArtifact } from './artifact.ts';

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
  checkHashes(exportManifest, place);
  const layers = layersByTitle(manifest, place);
  checkListed(exportManifest, layers, place);
  const content = checkFor(exportManifest, options.workDir);
  const checked: CheckedLayer[] = [];
  for (const [title, layer] of [...layers].sort(([a], [b]) => (a < b ? -1 : 1))) {
    options.onProgress?.({ stage: 'check', done: checked.length, total: layers.size, unit: 'layers' });
    const stream = await repository.fetch(layer, options);
    if (title === checksumsPath) checkChecksums(await collect(stream, MAX_CHECKSUMS_BYTES, title), layers);
    else await content.file(title, stream);
    checked.push({ title, mediaType: layer.mediaType, digest: layer.digest, size: layer.size });
  }
  await content.end();
  return checked;
}

function checkHashes(manifest: ExportManifest, place: string): void {
  if (inputsHashOf(manifest) !== manifest.inputsHash)
    throw mismatch(place, 'inputsHash does not follow from the inputs');
  if (rerunHashOf(manifest.contents) !== manifest.rerunHash) {
    throw mismatch(place, 'rerunHash does not follow from the contents');
  }
}

/** The layers are the contents, and, where the bundle explains itself, export.json and checksums.txt: no more, no less. */
function checkListed(manifest: ExportManifest, layers: ReadonlyMap<string, Descriptor>, place: string): void {
  for (const { path, digest, sizeBytes, mediaType } of manifest.contents) {
    const layer = layers.get(path);
    if (layer === undefined) throw mismatch(place, `${path} is listed in export.json and is no layer`);
    if (layer.digest !== digest || layer.size !== sizeBytes || layer.mediaType !== mediaType) {
      throw mismatch(place, `${path} is ${layer.digest}, and export.json lists ${digest}`);
    }
  }
  const listed = new Set(manifest.contents.map((content) => content.path));
  const own = manifest.profile.kind === 'json' ? [exportManifestPath, checksumsPath] : [];
  for (const path of own) {
    if (!layers.has(path)) throw mismatch(place, `${path} is no layer`);
    listed.add(path);
  }
  const extra = [...layers.keys()].find((title) => !listed.has(title));
  if (extra !== undefined) throw mismatch(place, `the layer ${JSON.stringify(extra)} is not listed in export.json`);
}

function checkChecksums(bytes: Uint8Array, layers: ReadonlyMap<string, Descriptor>): void {
  const lines = new Map(
    parseChecksums(Buffer.from(bytes).toString('utf8')).map((line: Checksum) => [line.path, line.digest]),
  );
  for (const [title, { digest }] of layers) {
    if (title !== checksumsPath && lines.get(title) !== digest) {
      throw mismatch(checksumsPath, `${title} is ${hexOf(digest)}, and the list says otherwise`);
    }
  }
  if (lines.size !== layers.size - 1) throw mismatch(checksumsPath, 'it lists files that are no layers');
}

function checkFor(manifest: ExportManifest, workDir: string): ContentCheck {
  const { asOf, inputs, contents, shards, records } = manifest;
  if (manifest.profile.kind === 'trivy') {
    return checkTrivyDb({ asOf, validForSeconds: inputs.options.validForSeconds ?? 0, workDir });
  }
  return checkJsonRaw({ classes: inputs.classes, contents, shards, kept: records.kept });
}

function mismatch(place: string, what: string): CodedError {
  return new CodedError('ERR_EXPORT_CONTENT_MISMATCH', `${place}: ${what}`, {
    hint: 'do not use this artifact: its files are not those that were built',
    details: { place },
  });
}
