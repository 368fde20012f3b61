import { read as readFile } from 'node:fs';
import { promisify } from 'node:util';
import { CodedError, type Digest, fileError, isSystemError } from '#core';
import type { ByteRange, ByteStream } from '#oci/image';
import type { ThreadedFile } from './threaded-file.ts';

const read = promisify(readFile);

/** From this size on, a file is worth another thread: starting one takes about as long as hashing 10 MiB. */
export const threadBytes: number = 32 * 1024 * 1024;

/**
 * An open file that another thread reads or writes, and hashes if told. Whoever opened it closes it, after `end`.
 *
 * @param file its descriptor
 * @param durable whether `sync` is to follow, so that the disk may begin before
 * @returns undefined where there is no other thread to be had, or none would help
 */
export async function openOnThread(file: number, durable = false): Promise<ThreadedFile | undefined> {
  // Most runs move nothing that large.
  const { ThreadedFile } = await import('./threaded-file.ts');
  return ThreadedFile.open(file, durable);
}

/** Large enough that the cost of a read does not count, small enough that some can be under way at once. */
const CHUNK_BYTES = 256 * 1024;
/** Memory that is used again may be more: each read wakes another thread. */
const REUSED_BUFFER_BYTES = 1024 * 1024;

/** Bytes that are hashed before they are handed over. */
export interface HashedStream {
  readonly stream: ByteStream;
  /** The digest of all of them, once all were handed over. */
  readonly digest: () => Promise<Digest>;
}

/** Reads from a file at a position into a buffer, and gives the number of bytes read. */
export type ReadInto = (file: number, buffer: Uint8Array, position: number) => Promise<number>;

/** On a thread of the pool that Node keeps for such calls. */
export const readInto: ReadInto = async (file, buffer, position) =>
  (await read(file, buffer, 0, buffer.byteLength, position)).bytesRead;

/**
 * Reads from an open file, one chunk ahead of the reader; `reuseBuffer` as in FetchOptions.
 *
 * @param file its descriptor
 * @param reads how it is read
 */
export async function* readFileRange(
  file: number,
  range?: ByteRange,
  reuseBuffer = false,
  reads: ReadInto = readInto,
): ByteStream {
  const end = range === undefined ? Number.MAX_SAFE_INTEGER : range.end + 1;
  let position = range?.start ?? 0;
  const reused: Buffer[] = [];
  const readAhead = async () => {
    const length = Math.max(0, Math.min(reuseBuffer ? REUSED_BUFFER_BYTES : CHUNK_BYTES, end - position));
    // While the reader has one of two, the other is read into.
    const buffer = (reuseBuffer && reused.length === 2 ? reused.shift() : undefined) ?? makeBuffer(length, reuseBuffer);
    if (reuseBuffer) reused.push(buffer);
    const wanted = buffer.subarray(0, length);
    return length === 0 ? wanted : wanted.subarray(0, await reads(file, wanted, position));
  };
  let ahead = readAhead();
  try {
    for (;;) {
      const chunk = await ahead;
      if (chunk.byteLength === 0) return;
      position += chunk.byteLength;
      ahead = readAhead();
      ahead.catch(() => undefined);
      yield chunk;
    }
  } finally {
    // The file may be closed as soon as this ends.
    await ahead.catch(() => undefined);
  }
}

/** Large buffers that are reused are shared memory, which another thread may read into, or hash and write. */
function makeBuffer(length: number, reused: boolean): Buffer {
  return reused && length >= REUSED_BUFFER_BYTES
    ? Buffer.from(new SharedArrayBuffer(length))
    : Buffer.allocUnsafeSlow(length);
}

/** As fileError, for what was only to be read: that it may not be says nothing of writing. */
export function readError(cause: unknown, path: string): CodedError {
  if (!isSystemError(cause, 'EACCES', 'EPERM')) return fileError(cause, path);
  return new CodedError('ERR_EXPORT_SOURCE_UNREADABLE', `${path}: permission denied`, {
    hint: 'make it readable for this user',
    details: { path, system: cause.code },
    cause,
  });
}
