import { CodedError, type Descriptor, fileError, isCoded } from '#core';
import type { OperationOptions, Repository } from '#oci/image';
import { hashOutside } from '#oci/image';
import { digestOfFile } from './existing.ts';
import { inFolder, OutputFolder } from './output-folder.ts';
import { Leftovers, PartialFile } from './partial.ts';
import type { Places } from './places.ts';
import { listTitled, type TitledLayer, type TitleOptions } from './titles.ts';

/** How a pull is watched and stopped, and what it takes. */
export interface PullOptions extends OperationOptions, TitleOptions {
  /** Called with the bytes that have just been fetched. */
  readonly onBytes?: ((sizeBytes: number) => void) | undefined;
  /** Called with the bytes that were there already, of whole files and of those that are gone on with. */
  readonly onFound?: ((sizeBytes: number) => void) | undefined;
  /** Called with the bytes, found or fetched, that turned out to be wrong and are fetched anew. */
  readonly onDropped?: ((sizeBytes: number) => void) | undefined;
}

/** What became of one file, or of one packed folder. */
export interface PulledFile {
  readonly path: string;
  readonly descriptor: Descriptor;
  /** `present` where a file of this content was there already, `unpacked` for a folder. */
  readonly state: 'fetched' | 'resumed' | 'present' | 'unpacked';
  /** Files in a folder; undefined for a file. */
  readonly files?: number | undefined;
}

/** Where files are laid down. */
interface Output {
  readonly root: OutputFolder;
  readonly places: Places;
  readonly leftovers: Leftovers;
}

/**
 * Lays down the titled layers of an artifact below a folder, each file whole and checked before it has its name.
 * Folders are held open while files are written, so that nobody who may write there can lead them elsewhere, and links
 * are replaced. What a pull has under way lies in `.<hex>….partial` files that it alone writes; the next pull goes on
 * from what a pull that was killed or failed has left of them.
 *
 * @throws CodedError ERR_EXPORT_MANIFEST_INVALID as listTitled, before anything is fetched or written,
 *   ERR_EXPORT_DIGEST_MISMATCH, ERR_EXPORT_SIZE_MISMATCH, the codes of Repository.fetch, of unpackFolder and of files
 */
export async function pullFiles(
  repository: Repository,
  layers: readonly Descriptor[],
  folder: string,
  options: PullOptions = {},
): Promise<PulledFile[]> {
  const { titled, places } = listTitled(layers, options);
  const pulled: PulledFile[] = [];
  await using root = await OutputFolder.open(folder);
  const output = { root, places, leftovers: new Leftovers() };
  for (const each of titled) {
    options.signal?.throwIfAborted();
    pulled.push(await pullLayer(repository, each, output, options));
  }
  return pulled;
}

async function pullLayer(
  repository: Repository,
  { layer, title, isFolder }: TitledLayer,
  output: Output,
  options: PullOptions,
): Promise<PulledFile> {
  const parts = title.split('/');
  const name = parts.pop() as string;
  const about = { path: title, descriptor: layer };
  try {
    return await inFolder(output.root, parts.join('/'), async (folder) => {
      const fetch = (use: Use) => fetchLayer(repository, layer, folder, output.leftovers, options, use);
      if (isFolder) {
        const files = { count: 0 };
        await fetch(async (partial) => {
          // Few artifacts hold a packed folder, and most runs start the sooner without what one needs.
          const { unpackFolder } = await import('./unpack.ts');
          files.count = await unpackFolder(partial, layer, title, output, options.signal);
          await partial.end(false);
        });
        await output.leftovers.remove(folder, layer);
        return { ...about, state: 'unpacked', files: files.count } as const;
      }
      const isThere = (await digestOfFile(folder, name, layer)) === layer.digest;
      if (isThere) options.onFound?.(layer.size);
      const state = isThere ? 'present' : await fetch((partial) => partial.moveTo(name));
      await output.leftovers.remove(folder, layer);
      await folder.check();
      return { ...about, state };
    });
  } catch (error) {
    throw fileError(error, `${output.root.path}/${title}`);
  }
}

const UNUSABLE = [
  'ERR_EXPORT_ARCHIVE_INVALID',
  'ERR_EXPORT_ARCHIVE_UNSAFE',
  'ERR_EXPORT_ARCHIVE_LIMIT',
  'ERR_EXPORT_MANIFEST_INVALID',
] as const;

/** What is done with a layer once it is whole and checked; it ends the file. */
type Use = (partial: PartialFile) => Promise<void>;

/** What an earlier pull left is gone on with; where it turns out to be damaged, the layer is fetched anew. */
async function fetchLayer(
  repository: Repository,
  layer: Descriptor,
  folder: OutputFolder,
  leftovers: Leftovers,
  options: PullOptions,
  use: Use,
): Promise<'fetched' | 'resumed'> {
  for (const leftover of await leftovers.list(folder, layer)) {
    const partial = await PartialFile.takeOver(folder, layer, leftover);
    if (partial === undefined) continue;
    options.onFound?.(partial.size);
    try {
      await fetchInto(repository, layer, partial, options);
    } catch (error) {
      if (!isWrong(error)) throw error;
      options.onDropped?.(partial.size);
      break;
    }
    await ending(partial, use);
    return 'resumed';
  }
  const partial = await PartialFile.create(folder, layer);
  await fetchInto(repository, layer, partial, options);
  await ending(partial, use);
  return 'fetched';
}

async function fetchInto(
  repository: Repository,
  layer: Descriptor,
  partial: PartialFile,
  { signal, onBytes }: PullOptions,
): Promise<void> {
  try {
    if (partial.size < layer.size) {
      const range = partial.size > 0 ? { start: partial.size, end: layer.size - 1 } : undefined;
      const into = await partial.writeOnThread();
      const stream = await repository.fetch(layer, { signal, range, reuseBuffer: true, into });
      // It is hashed once, as it is written.
      if (range === undefined) hashOutside(stream, { ahead: false, digest: () => partial.digest() });
      for await (const chunk of stream) {
        signal?.throwIfAborted();
        await partial.write(chunk);
        onBytes?.(chunk.byteLength);
      }
    }
    await partial.check();
  } catch (error) {
    await partial.end(!isWrong(error));
    throw error;
  }
}

/** A layer that is right is left for the next pull, unless what is in it cannot be used. */
async function ending(partial: PartialFile, use: Use): Promise<void> {
  try {
    await use(partial);
  } catch (error) {
    const isOfNoUse = isCoded(error, ...UNUSABLE) || isWrong(error);
    await partial.end(!isOfNoUse);
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
