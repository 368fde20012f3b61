import { CodedError } from '#core';
import { decodeGzip } from './gzip-decode.ts';
import type { ArchiveLimits } from './limits.ts';
import { type Packing, packingOf } from './magic.ts';
import { decodeZstd } from './zstd-decode.ts';

/** How much of a file says how it is compressed. */
export const signatureBytes = 10;

/** How a file is compressed, by its first bytes. */
export type Compression = 'gzip' | 'zstd' | 'other' | undefined;

/** How a file is compressed that begins with these bytes. */
export function compressionOf(start: Uint8Array): Compression {
  const { name, isRead } = packingOf(start) ?? { name: 'tar', isRead: true };
  if (name === 'gzip' || name === 'zstd') return name;
  return isRead ? undefined : 'other';
}

/**
 * A stream as it was before gzip or zstd compressed it, if one of them did.
 *
 * @param name what it is called in messages
 * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID where it is damaged, or compressed in another way,
 *   ERR_EXPORT_ARCHIVE_LIMIT
 */
export async function* decompressed(
  chunks: AsyncIterable<Uint8Array | string>,
  name: string,
  limits?: Partial<ArchiveLimits>,
): AsyncGenerator<Uint8Array> {
  const iterator = asBytes(chunks)[Symbol.asyncIterator]();
  try {
    let start: Uint8Array = new Uint8Array(0);
    while (start.byteLength < signatureBytes) {
      const { value, done } = await iterator.next();
      if (done) break;
      start = Buffer.concat([start, value]);
    }
    const whole = following(start, iterator);
    const compression = compressionOf(start);
    if (compression === 'gzip') yield* decodeGzip(whole, name, limits);
    else if (compression === 'zstd') yield* decodeZstd(whole, name, limits);
    else if (compression === undefined) yield* whole;
    else throw unsupported(packingOf(start), name);
  } finally {
    await iterator.return?.(undefined);
  }
}

async function* following(start: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (start.byteLength > 0) yield start;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

async function* asBytes(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}

function unsupported(packing: Packing | undefined, name: string): CodedError {
  const what = `${name}: compressed with ${packing?.name}, which is not supported`;
  return new CodedError('ERR_EXPORT_ARCHIVE_INVALID', what, {
    hint: `unpack it first: ${packing?.command} FILE`,
    details: { name },
  });
}
