import { lstat, mkdir, open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { algorithmOf, CodedError, type Descriptor, Digester, fileError, isSystemError, makeFolder } from '#core';
import { Leftovers, PartialFile } from './partial.ts';
import type { OperationOptions, Repository } from './ports.ts';
import { listTitled } from './titles.ts';

/** How a pull is watched and stopped. */
export interface PullOptions extends OperationOptions {
  /** Called with the bytes that have just been fetched. */
  readonly onBytes?: ((sizeBytes: number) => void) | undefined;
  /** Called with the bytes that were there already, of whole files and of those that are gone on with. */
  readonly onFound?: ((sizeBytes: number) => void) | undefined;
  /** Called with the bytes, found or fetched, that turned out to be wrong and are fetched anew. */
  readonly onDropped?: ((sizeBytes: number) => void) | undefined;
}

/** What became of one file. */
export interface PulledFile {
  readonly path: string;
  readonly descriptor: Descriptor;
  /** `present` where a file of this content was there already. */
  readonly state: 'fetched' | 'resumed' | 'present';
}

/**
 * Lays down the titled layers of an artifact below a folder, each file whole and checked before it has its name.
 * What a pull has under way lies in `.<hex>….partial` files that it alone writes; the next pull goes on from what a
 * pull that was killed or failed has left of them.
 *
 * @throws CodedError ERR_EXPORT_MANIFEST_INVALID as listTitled, before anything is fetched or written,
 *   ERR_EXPORT_DIGEST_MISMATCH, ERR_EXPORT_SIZE_MISMATCH, and the codes of Repository.fetch and of files
 */
export async function pullFiles(
  repository: Repository,
  layers: readonly Descriptor[],
  folder: string,
  options: PullOptions = {},
): Promise<PulledFile[]> {
  const titled = listTitled(layers);
  const pulled: PulledFile[] = [];
  const leftovers = new Leftovers();
  for (const { layer, title } of titled) {
    options.signal?.throwIfAborted();
    const state = await pullFile(repository, layer, folder, title, leftovers, options);
    pulled.push({ path: title, descriptor: layer, state });
  }
  return pulled;
}

async function pullFile(
  repository: Repository,
  layer: Descriptor,
  folder: string,
  title: string,
  leftovers: Leftovers,
  options: PullOptions,
): Promise<PulledFile['state']> {
  const path = join(folder, title);
  try {
    await makeParents(folder, title);
    if ((await digestOfFile(path, layer)) === layer.digest) {
      options.onFound?.(layer.size);
      await leftovers.remove(dirname(path), layer);
      return 'present';
    }
    const state = await fetchFile(repository, layer, path, leftovers, options);
    await leftovers.remove(dirname(path), layer);
    return state;
  } catch (error) {
    throw fileError(error, path);
  }
}

/** Makes the folders of a file one by one, and follows no link that somebody left among them. */
async function makeParents(folder: string, title: string): Promise<void> {
  await makeFolder(folder);
  let path = folder;
  for (const part of title.split('/').slice(0, -1)) {
    path = join(path, part);
    await mkdir(path).catch((error: unknown) => {
      if (!isSystemError(error, 'EEXIST')) throw error;
    });
    if (!(await lstat(path)).isDirectory()) {
      throw new CodedError('ERR_EXPORT_IO', `${path}: a link or a file stands where a folder should be`, {
        hint: 'take it away, or pull into an empty folder',
        details: { path },
      });
    }
  }
}

/** The digest of a file of the layer's size; undefined where there is none. */
async function digestOfFile(path: string, { size, digest }: Descriptor): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile() || found.size !== size) return undefined;
  const digester = new Digester(algorithmOf(digest));
  await readInto(digester, path);
  return digester.digest();
}

/** What an earlier pull left is gone on with; where it turns out to be damaged, the file is fetched anew. */
async function fetchFile(
  repository: Repository,
  layer: Descriptor,
  path: string,
  leftovers: Leftovers,
  options: PullOptions,
): Promise<PulledFile['state']> {
  const folder = dirname(path);
  for (const leftover of await leftovers.list(folder, layer)) {
    const partial = await PartialFile.takeOver(folder, layer, leftover);
    if (partial === undefined) continue;
    options.onFound?.(partial.size);
    try {
      await fetchInto(repository, layer, partial, path, options);
      return 'resumed';
    } catch (error) {
      if (!isWrong(error)) throw error;
      options.onDropped?.(partial.size);
      break;
    }
  }
  await fetchInto(repository, layer, await PartialFile.create(folder, layer), path, options);
  return 'fetched';
}

async function fetchInto(
  repository: Repository,
  layer: Descriptor,
  partial: PartialFile,
  path: string,
  { signal, onBytes }: PullOptions,
): Promise<void> {
  try {
    if (partial.size < layer.size) {
      const range = partial.size > 0 ? { start: partial.size, end: layer.size - 1 } : undefined;
      for await (const chunk of await repository.fetch(layer, { signal, range })) {
        await partial.write(chunk);
        onBytes?.(chunk.byteLength);
      }
    }
    await partial.moveTo(path);
  } catch (error) {
    await partial.end(!isWrong(error));
    throw error;
  }
}

/** Whether it was the bytes that were wrong, so that nobody should go on with them. */
function isWrong(error: unknown): boolean {
  return (
    error instanceof CodedError &&
    (error.code === 'ERR_EXPORT_DIGEST_MISMATCH' || error.code === 'ERR_EXPORT_SIZE_MISMATCH')
  );
}

async function readInto(digester: Digester, path: string): Promise<void> {
  await using file = await open(path, 'r');
  for await (const chunk of file.createReadStream({ highWaterMark: 256 * 1024, autoClose: false })) {
    digester.update(chunk as Uint8Array);
  }
}
