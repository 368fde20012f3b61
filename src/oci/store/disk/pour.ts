import type { FileHandle } from 'node:fs/promises';
import { CodedError, type Digester, fileError } from '#core';
import type { ByteStream } from '#oci/image';

/** Bytes gathered before they are written: fewer, larger writes, that overlap with receiving and hashing. */
const BATCH_SIZE_BYTES = { largest: 1024 * 1024, smallest: 64 * 1024 };
/** What all of a process may gather, while so much is enough for the smallest batches. */
const GATHERED_BYTES = 64 * 1024 * 1024;
let pouring = 0;

/** What pouring into a file needs beside the file and the bytes. */
export interface PourOptions {
  /** What the file is called in an error. */
  readonly path: string;
  /** Where in the file the first byte goes. */
  readonly position: number;
  /** Takes in every byte that is written, in order. */
  readonly digester: Digester | undefined;
  /** More bytes than this in the file are refused. */
  readonly maxSizeBytes: number;
  /** Ends the pouring at once; what has come by then is written. */
  readonly signal: AbortSignal;
  /** Called whenever bytes have come. */
  readonly moved: () => void;
}

/**
 * Writes a stream into a file and counts the bytes. When the stream fails, all that came before is in the file
 * (and in the digest) and the error is thrown on: an upload can go on from there.
 *
 * @returns the position after the last byte
 * @throws CodedError ERR_EXPORT_TOO_LARGE, ERR_EXPORT_INTERRUPTED by the signal, and what the stream throws
 */
export async function pour(chunks: ByteStream, file: FileHandle, options: PourOptions): Promise<number> {
  const { path, digester, maxSizeBytes, signal, moved } = options;
  let written = options.position;
  let batch: Uint8Array[] = [];
  let gathered = 0;
  let writing: Promise<void> = Promise.resolve();
  const flush = async (): Promise<void> => {
    await writing;
    if (gathered === 0) return;
    writing = writeAll(file, path, batch, written);
    // Awaited by the next flush; without this a failure in between would count as unhandled.
    writing.catch(() => undefined);
    written += gathered;
    batch = [];
    gathered = 0;
  };
  pouring++;
  try {
    for await (const chunk of interruptible(chunks, signal)) {
      if (written + gathered + chunk.byteLength > maxSizeBytes) {
        throw new CodedError('ERR_EXPORT_TOO_LARGE', `an upload of more than ${maxSizeBytes} bytes`, {
          hint: 'raise the limit of the server, or split the content',
        });
      }
      moved();
      digester?.update(chunk);
      batch.push(chunk);
      gathered += chunk.byteLength;
      if (gathered >= batchSize()) await flush();
    }
  } finally {
    pouring--;
    await flush();
    await writing;
  }
  return written;
}

/** One batch is gathered while another is written. */
function batchSize(): number {
  const share = GATHERED_BYTES / pouring / 2;
  return Math.max(BATCH_SIZE_BYTES.smallest, Math.min(BATCH_SIZE_BYTES.largest, share));
}

async function writeAll(file: FileHandle, path: string, buffers: Uint8Array[], position: number): Promise<void> {
  try {
    let rest = buffers;
    for (let at = position; rest.length > 0; ) {
      const { bytesWritten } = await file.writev(rest, at);
      at += bytesWritten;
      rest = without(rest, bytesWritten);
    }
  } catch (error) {
    throw fileError(error, path);
  }
}

/** The buffers after their first `count` bytes. */
function without(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  let left = count;
  const rest: Uint8Array[] = [];
  for (const buffer of buffers) {
    if (left >= buffer.byteLength) left -= buffer.byteLength;
    else {
      rest.push(buffer.subarray(left));
      left = 0;
    }
  }
  return rest;
}

/** The stream, which fails as soon as the signal says so, even while it waits for bytes that never come. */
async function* interruptible(chunks: ByteStream, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const interrupted = Promise.withResolvers<never>();
  interrupted.promise.catch(() => undefined);
  const onAbort = (): void =>
    interrupted.reject(
      new CodedError('ERR_EXPORT_INTERRUPTED', 'no more bytes came, and another request has taken this upload over', {
        hint: 'ask for the state of the upload and go on from there',
      }),
    );
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  const iterator = chunks[Symbol.asyncIterator]();
  let ended = false;
  try {
    while (true) {
      const next = iterator.next();
      next.catch(() => undefined);
      const result = await Promise.race([next, interrupted.promise]);
      if (result.done === true) {
        ended = true;
        return;
      }
      yield result.value;
    }
  } catch (error) {
    ended = ended || !signal.aborted;
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Not awaited: a stream that waits for bytes answers only when they come.
    if (!ended) void iterator.return?.()?.catch(() => undefined);
  }
}
