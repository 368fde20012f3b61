import { createZstdDecompress } from 'node:zlib';
import { runEngine } from './engine.ts';
import { type ArchiveLimits, Budget, defaultLimits } from './limits.ts';
import { FRAME_BYTES } from './zstd-encode.ts';
import { ZstdFrames } from './zstd-frames.ts';

/**
 * The content of a zstd file of one frame or several (RFC 8878), checksums checked where there are any.
 *
 * @param name what the bytes are called in an error
 * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID when damaged, cut short, or followed by other bytes
 * @throws CodedError ERR_EXPORT_ARCHIVE_LIMIT past `maxTotalBytes` or `maxRatio`
 */
export function decodeZstd(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  limits: Partial<ArchiveLimits> = {},
): AsyncGenerator<Uint8Array> {
  return decode(chunks, name, limits, new ZstdFrames(name));
}

/**
 * The content of a zstd file that is framed exactly as encodeZstd frames it: frames of 8 MiB of content each, the last
 * one shorter, each with its size and a checksum, and nothing between or after them.
 *
 * @throws CodedError as decodeZstd does, and ERR_EXPORT_ARCHIVE_INVALID for every other framing
 */
export function decodeFramedZstd(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  limits: Partial<ArchiveLimits> = {},
): AsyncGenerator<Uint8Array> {
  return decode(chunks, name, limits, new ZstdFrames(name, { frameBytes: FRAME_BYTES }));
}

async function* decode(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  limits: Partial<ArchiveLimits>,
  frames: ZstdFrames,
): AsyncGenerator<Uint8Array> {
  const budget = new Budget(name, { ...defaultLimits, ...limits });
  let packed = 0;
  const watched = async function* () {
    for await (const chunk of chunks) {
      packed += chunk.length;
      frames.update(chunk);
      yield chunk;
    }
    frames.end();
  };
  let unpacked = 0;
  // zstd gives up to a block of 128 KiB at once; a smaller chunk makes node:zlib lose the thread.
  for await (const chunk of runEngine(createZstdDecompress({ chunkSize: 128 * 1024 }), watched(), name)) {
    unpacked += chunk.length;
    budget.checkTotal(packed, unpacked);
    yield chunk;
  }
}
