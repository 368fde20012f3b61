import { constants, type FileHandle, open, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileError, isCoded, isSystemError, requireFilePlace, syncFolder, syncIfSupported } from '#core';
import type { ByteStream, OperationOptions } from '#oci/image';
import { blobPath, encodeLayoutTar, layoutTarBytes, type TarFile } from '#oci/layout';
import { HeldTar } from './held-tar.ts';
import type { KitFiles, KitPlan } from './plan.ts';
import type { KitSources } from './sources.ts';
import { sourceMoved } from './write-directory.ts';

/** How the tar of a kit is read. */
export interface StreamOptions extends OperationOptions {
  /**
   * If it begins within a blob, read only the rest of that blob, which cannot be checked against its digest: for readers
   * that check the whole kit.
   */
  readonly unchecked?: boolean;
}

/** What a tar needs of a plan. */
type TarPlan = Pick<KitPlan, 'contents'>;

/**
 * The files of a kit in the order of its tar: what is small, checksums.txt among it, comes before the blobs. One after
 * the other, since a server sends a kit of many contents to many clients at once.
 */
function* tarFilesOf(
  plan: TarPlan,
  files: KitFiles,
  sources: KitSources,
  options: StreamOptions,
): Generator<TarFile, void> {
  yield* smallFilesOf(files);
  for (const content of plan.contents) {
    const file = { path: blobPath(content.digest), size: content.sizeBytes };
    const whole = fromSource(content, sources.read(content, options));
    const contentFrom = (offset: number) => fromSource(content, sources.readFrom(content, offset, options));
    yield options.unchecked === true ? { ...file, content: whole, contentFrom } : { ...file, content: whole };
  }
}

function smallFilesOf(files: KitFiles): TarFile[] {
  return [...files].map(([path, bytes]) => ({ path, size: bytes.byteLength, content: only(bytes) }));
}

async function* fromSource(content: KitPlan['contents'][number], bytes: ByteStream): ByteStream {
  try {
    yield* bytes;
  } catch (error) {
    throw isCoded(error, 'ERR_EXPORT_NOT_FOUND') ? sourceMoved(content.repository, error) : error;
  }
}

async function* only(bytes: Uint8Array): ByteStream {
  yield bytes;
}

async function* nothing(): ByteStream {}

/** How many bytes the tar of a kit has. */
export async function kitTarBytes(plan: TarPlan, files: KitFiles): Promise<number> {
  return layoutTarBytes(sizesOf(plan, files));
}

function* sizesOf({ contents }: TarPlan, files: KitFiles): Generator<TarFile, void> {
  yield* smallFilesOf(files);
  for (const { digest, sizeBytes } of contents) {
    yield { path: blobPath(digest), size: sizeBytes, content: nothing() };
  }
}

/**
 * The tar of a kit as a stream, the same bytes each time.
 *
 * @param offset bytes to leave out at the beginning, for a reader that has these already
 */
export function streamKit(
  plan: TarPlan,
  files: KitFiles,
  sources: KitSources,
  offset: number,
  options: StreamOptions,
): ByteStream {
  return encodeLayoutTar(tarFilesOf(plan, files, sources, options), offset);
}

/** Ends the name of a tar that is not whole yet. */
const PART = '.part';

/**
 * Writes the tar of a kit to a file. Until it is whole it is called `FILE.part`; a killed export goes on where that
 * ends, if it is of this kit. What an earlier export has left is read, and written anew from where it is damaged.
 *
 * @returns how many bytes were written to the file
 * @throws CodedError ERR_EXPORT_DISK_FULL, ERR_EXPORT_NOT_WRITABLE, ERR_EXPORT_SOURCE_MOVED
 */
export async function writeKitTar(
  plan: KitPlan,
  files: KitFiles,
  path: string,
  sources: KitSources,
  options: OperationOptions & { readonly onBytes?: (sizeBytes: number) => void },
): Promise<number> {
  const part = `${path}${PART}`;
  for (const place of [path, part]) await requireFilePlace(place);
  const totalBytes = await kitTarBytes(plan, files);
  const whole = new HeldTar(path, plan, files, options);
  if ((await sizeOf(path)) === totalBytes && (await whole.intactBytes()) === totalBytes) return 0;
  const held = new HeldTar(part, plan, files, options);
  let bytesWritten = 0;
  const writeFrom = async (file: FileHandle, offset: number): Promise<void> => {
    let at = offset;
    for await (const chunk of streamKit(plan, files, sources, offset, options)) {
      options.signal?.throwIfAborted();
      await writeAll(file, chunk, at);
      at += chunk.byteLength;
      bytesWritten += chunk.byteLength;
      options.onBytes?.(chunk.byteLength);
    }
  };
  try {
    const offset = (await sizeOf(part)) === undefined ? 0 : Math.min(await held.intactBytes(), totalBytes);
    const file = await open(
      part,
      (offset > 0 ? 0 : constants.O_CREAT | constants.O_TRUNC) | constants.O_WRONLY | constants.O_NOFOLLOW,
    );
    try {
      await file.truncate(offset);
      await writeFrom(file, offset);
      // The content within which it was resumed could not be checked before it was whole.
      const damaged = offset > 0 ? await held.damagedAt(offset) : undefined;
      if (damaged !== undefined) await writeFrom(file, damaged);
      await syncIfSupported(file.sync());
    } finally {
      await file.close();
    }
    await rename(part, path);
    await syncFolder(dirname(path));
  } catch (error) {
    throw fileError(error, part);
  }
  return bytesWritten;
}

async function writeAll(file: FileHandle, chunk: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < chunk.byteLength; ) {
    done += (await file.write(chunk, done, chunk.byteLength - done, at + done)).bytesWritten;
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw fileError(error, path);
  }
}
