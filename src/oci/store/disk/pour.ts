import type { FileHandle } from 'node:fs/promises';
import { fileError } from '#core';
import type { ByteStream } from '#oci/image';
import { type ReceiveOptions, receive } from '../receive.ts';

/** Bytes gathered before they are written: fewer, larger writes, that overlap with receiving and hashing. */
const BATCH_SIZE_BYTES = { largest: 1024 * 1024, smallest: 64 * 1024 };
/** What all of a process may gather, while so much is enough for the smallest batches. */
const GATHERED_BYTES = 64 * 1024 * 1024;
let pouring = 0;

/** What pouring into a file needs beside the file and the bytes; `position` is where in the file the first byte goes. */
export interface PourOptions extends ReceiveOptions {
  /** What the file is called in an error. */
  readonly path: string;
}

/**
 * Writes a stream into a file and counts the bytes. When the stream fails, all that came before is in the file
 * (and in the digest) and the error is thrown on: an upload can go on from there.
 *
 * @returns the position after the last byte
 * @throws CodedError ERR_EXPORT_TOO_LARGE, ERR_EXPORT_INTERRUPTED by the signal, and what the stream throws
 */
export async function pour(chunks: ByteStream, file: FileHandle, options: PourOptions): Promise<number> {
  const { path } = options;
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
    for await (const chunk of receive(chunks, options)) {
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
