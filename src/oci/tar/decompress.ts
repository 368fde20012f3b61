import { decodeGzip, decodeZstd } from '#archive';
import { CodedError } from '#core';
import type { ByteStream } from '../ports.ts';

/** How much of a file says how it is compressed. */
export const signatureBytes = 6;

const GZIP = [0x1f, 0x8b];
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];
/** What is known and not supported. */
const OTHERS = [
  { name: 'xz', signature: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], command: 'xz -d FILE' },
  { name: 'bzip2', signature: [0x42, 0x5a, 0x68], command: 'bunzip2 FILE' },
] as const;

/** How a file is compressed, by its first bytes. */
export type Compression = 'gzip' | 'zstd' | 'other' | undefined;

/** How a file is compressed that begins with these bytes. */
export function compressionOf(start: Uint8Array): Compression {
  if (begins(start, GZIP)) return 'gzip';
  if (begins(start, ZSTD)) return 'zstd';
  return OTHERS.some(({ signature }) => begins(start, signature)) ? 'other' : undefined;
}

/**
 * A stream as it was before gzip or zstd compressed it, if one of them did.
 *
 * @param name what it is called in messages
 * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID where it is damaged, or compressed in another way,
 *   ERR_EXPORT_ARCHIVE_LIMIT
 */
export async function* decompressed(chunks: AsyncIterable<Uint8Array | string>, name: string): ByteStream {
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
    if (compression === 'gzip') yield* decodeGzip(whole, name);
    else if (compression === 'zstd') yield* decodeZstd(whole, name);
    else if (compression === undefined) yield* whole;
    else throw unsupported(start, name);
  } finally {
    await iterator.return?.(undefined);
  }
}

async function* following(start: Uint8Array, rest: AsyncIterator<Uint8Array>): ByteStream {
  if (start.byteLength > 0) yield start;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

async function* asBytes(chunks: AsyncIterable<Uint8Array | string>): ByteStream {
  for await (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}

function begins(bytes: Uint8Array, signature: readonly number[]): boolean {
  return signature.every((byte, i) => bytes[i] === byte);
}

function unsupported(start: Uint8Array, name: string): CodedError {
  const other = OTHERS.find(({ signature }) => begins(start, signature));
  return new CodedError(
    'ERR_EXPORT_ARCHIVE_INVALID',
    `${name}: compressed with ${other?.name}, which is not supported`,
    {
      hint: `unpack it first: ${other?.command}`,
      details: { name },
    },
  );
}
