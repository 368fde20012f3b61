import { constants, type FileHandle, open, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileError, isCoded, isSystemError, readPart, syncFolder, syncIfSupported } from '#core';
import type { ByteStream, OperationOptions } from '#oci/image';
import { blobPath, encodeLayoutTar, layoutTarBytes, type TarFile } from '#oci/layout';
import type { KitFiles, KitPlan } from './plan.ts';
import type { KitSources } from './sources.ts';
import { sourceMoved } from './write-directory.ts';

/** The files of a kit in the order of its tar: what is small, checksums.txt among it, comes before the blobs. */
function tarFilesOf(plan: KitPlan, files: KitFiles, sources: KitSources, options: OperationOptions): TarFile[] {
  const small = [...files].map(([path, bytes]) => ({ path, size: bytes.byteLength, content: only(bytes) }));
  const blobs = plan.contents.map((content) => {
    return { path: blobPath(content.digest), size: content.sizeBytes, content: fromSource(sources, content, options) };
  });
  return [...small, ...blobs];
}

async function* fromSource(
  sources: KitSources,
  content: KitPlan['contents'][number],
  options: OperationOptions,
): ByteStream {
  try {
    yield* sources.read(content, options);
  } catch (error) {
    throw isCoded(error, 'ERR_EXPORT_NOT_FOUND') ? sourceMoved(content.repository, error) : error;
  }
}

async function* only(bytes: Uint8Array): ByteStream {
  yield bytes;
}

/** How many bytes the tar of a kit has. */
export async function kitTarBytes(plan: KitPlan, files: KitFiles): Promise<number> {
  const none = async function* (): ByteStream {};
  const small = [...files].map(([path, bytes]) => ({ path, size: bytes.byteLength, content: none() }));
  const blobs = plan.contents.map(({ digest, sizeBytes }) => ({
    path: blobPath(digest),
    size: sizeBytes,
    content: none(),
  }));
  return layoutTarBytes([...small, ...blobs]);
}

/**
 * The tar of a kit as a stream, the same bytes each time.
 *
 * @param offset bytes to leave out at the beginning, for a reader that has these already
 */
export function streamKit(
  plan: KitPlan,
  files: KitFiles,
  sources: KitSources,
  offset: number,
  options: OperationOptions,
): ByteStream {
  return encodeLayoutTar(tarFilesOf(plan, files, sources, options), offset);
}

/** Ends the name of a tar that is not whole yet. */
const PART = '.part';
const COMPARED_BYTES = 1024 * 1024;

/**
 * Writes the tar of a kit to a file. Until it is whole it is called `FILE.part`; a killed export goes on where that
 * ends, if it is of this kit.
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
  const totalBytes = await kitTarBytes(plan, files);
  if ((await sizeOf(path)) === totalBytes && (await beginsAs(path, plan, files, sources))) {
    return 0;
  }
  const part = `${path}${PART}`;
  const held = (await sizeOf(part)) ?? 0;
  const offset = held <= totalBytes && held > 0 && (await beginsAs(part, plan, files, sources)) ? held : 0;
  try {
    const file = await open(
      part,
      (offset > 0 ? 0 : constants.O_CREAT | constants.O_TRUNC) | constants.O_WRONLY | constants.O_NOFOLLOW,
    );
    try {
      let at = offset;
      for await (const chunk of streamKit(plan, files, sources, offset, options)) {
        options.signal?.throwIfAborted();
        await writeAll(file, chunk, at);
        at += chunk.byteLength;
        options.onBytes?.(chunk.byteLength);
      }
      await syncIfSupported(file.sync());
    } finally {
      await file.close();
    }
    await rename(part, path);
    await syncFolder(dirname(path));
  } catch (error) {
    throw fileError(error, part);
  }
  return totalBytes - offset;
}

async function writeAll(file: FileHandle, chunk: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < chunk.byteLength; ) {
    done += (await file.write(chunk, done, chunk.byteLength - done, at + done)).bytesWritten;
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? found.size : undefined;
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw fileError(error, path);
  }
}

/** Whether a file begins as the tar of this kit does, kit.json and all that is small included. */
async function beginsAs(path: string, plan: KitPlan, files: KitFiles, sources: KitSources): Promise<boolean> {
  const none: TarFile[] = tarFilesOf(plan, files, sources, {}).slice(0, files.size);
  const wanted: Uint8Array[] = [];
  for await (const chunk of encodeLayoutTar(none)) wanted.push(chunk);
  const head = Buffer.concat(wanted).subarray(0, (await layoutTarBytes(none)) - 1024);
  await using file = await open(path, 'r');
  for (let at = 0; at < head.length; at += COMPARED_BYTES) {
    const want = head.subarray(at, at + COMPARED_BYTES);
    if (!(await readPart(file, want.length, at)).equals(want)) return false;
  }
  return true;
}
