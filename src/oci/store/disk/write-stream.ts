import type { FileHandle } from 'node:fs/promises';
import { fileError } from '#core';
import type { ByteStream } from '#oci/image';
import { type ReceiveOptions, receive } from '../receive.ts';

/** Bytes are buffered into larger writes, which overlap with receiving and hashing. */
const BATCH_SIZE_BYTES = { max: 1024 * 1024, min: 64 * 1024 };
/** The memory for the buffers of all uploads of the process, as long as it suffices for the smallest batches. */
const BUFFERED_BYTES = 64 * 1024 * 1024;
let activeWrites = 0;

/** Options of `writeStream`; `position` is also the offset of the first byte in the file. */
export interface WriteStreamOptions extends ReceiveOptions {
  /** The path for error messages. */
  readonly path: string;
}

/**
 * Writes a stream to a file. If the stream fails, everything received before is in the file (and in the digest), and the
 * error is rethrown, so that the upload can be resumed.
 *
 * @returns the position after the last byte
 * @throws CodedError ERR_EXPORT_TOO_LARGE, ERR_EXPORT_INTERRUPTED by the signal, and what the stream throws
 */
export async function writeStream(chunks: ByteStream, file: FileHandle, options: WriteStreamOptions): Promise<number> {
  const { path } = options;
  let written = options.position;
  let batch: Uint8Array[] = [];
  let buffered = 0;
  let writing: Promise<void> = Promise.resolve();
  const flush = async (): Promise<void> => {
    await writing;
    if (buffered === 0) return;
    writing = writeAll(file, path, batch, written);
    // Awaited by the next flush; without this a failure in between would count as unhandled.
    writing.catch(() => undefined);
    written += buffered;
    batch = [];
    buffered = 0;
  };
  activeWrites++;
  try {
    for await (const chunk of receive(chunks, options)) {
      batch.push(chunk);
      buffered += chunk.byteLength;
      if (buffered >= batchSize()) await flush();
    }
  } finally {
    activeWrites--;
    await flush();
    await writing;
  }
  return written;
}

/** Halved: one batch is buffered while another is written. */
function batchSize(): number {
  const share = BUFFERED_BYTES / activeWrites / 2;
  return Math.max(BATCH_SIZE_BYTES.min, Math.min(BATCH_SIZE_BYTES.max, share));
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
