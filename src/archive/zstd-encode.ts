import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import { packPieces } from './pieces.ts';

const compress = promisify(zstdCompress);

/** Input bytes of a frame. Fixed, since it decides the bytes; as large as the window of the highest common levels. */
export const FRAME_BYTES = 8 * 1024 * 1024;
const IN_FLIGHT = 2;

/** How hard to pack. */
export interface ZstdOptions {
  /** 1 to 19; higher levels would ask readers for more memory than they grant unasked. */
  readonly level: number;
}

/**
 * Packs a stream as zstd: frames of 8 MiB of input each, one after the other, which every zstd reader takes as one.
 * Each has its size and a checksum in it. The bytes depend on the content and the level alone.
 * A chunk may change once the next is asked for.
 */
export function encodeZstd(chunks: AsyncIterable<Uint8Array>, { level }: ZstdOptions): AsyncGenerator<Uint8Array> {
  return packPieces(chunks, FRAME_BYTES, IN_FLIGHT, (content) => encodeFrame(content, level));
}

/**
 * One frame, packed off the main thread.
 *
 * The size is pledged: without it node:zlib's streaming and one-shot ways differ in the header. `nbWorkers` is left
 * alone: node:zlib breaks on it, and the bytes would depend on timing.
 */
async function encodeFrame(content: Uint8Array, level: number): Promise<Uint8Array> {
  if (!Number.isInteger(level) || level < 1 || level > 19)
    throw new RangeError(`zstd level must be from 1 to 19: ${level}`);
  const params = { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 };
  return await compress(content, { params, pledgedSrcSize: content.length, chunkSize: 128 * 1024 });
}
