import { promisify } from 'node:util';
import { crc32, inflateRaw } from 'node:zlib';
import { ByteReader } from './byte-reader.ts';
import { invalid } from './faults.ts';
import { HEADER, MEMBER_BYTES } from './gzip-encode.ts';

/** Bytes of deflate that 1 MiB may take: stored blocks add 5 bytes for each 16 KiB, and zlib rounds up. */
const MAX_DEFLATED_BYTES = MEMBER_BYTES + 4096;
const TRAILER_BYTES = 8;

/** What node:zlib gives with `info`, which its types leave out. */
interface Inflated {
  readonly buffer: Uint8Array;
  readonly engine: { readonly bytesWritten: number };
}

const inflate = promisify(inflateRaw) as unknown as (
  packed: Uint8Array,
  options: { readonly info: true; readonly maxOutputLength: number; readonly chunkSize: number },
) => Promise<Inflated>;

/**
 * The content of a gzip file that is framed exactly as encodeGzip frames it: members of 1 MiB of content each, the
 * last one shorter, every header the same 10 bytes, and nothing between or after them. Any other framing that gzip
 * readers take alike is refused. Memory: one member.
 *
 * @param name what the bytes are called in an error
 * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID
 */
export async function* decodeFramedGzip(chunks: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  const reader = new ByteReader(chunks);
  const window = new Window(reader);
  let isFirst = true;
  let last = MEMBER_BYTES;
  try {
    for (;;) {
      const packed = await window.fill(HEADER.length + MAX_DEFLATED_BYTES + TRAILER_BYTES);
      if (packed.length === 0 && !isFirst) return;
      if (last !== MEMBER_BYTES) throw invalid(name, 'bytes after the last gzip member');
      const { content, size } = await decodeMember(packed, name);
      if (content.length === 0 && !isFirst) throw invalid(name, 'an empty gzip member');
      window.drop(size);
      isFirst = false;
      last = content.length;
      yield content;
    }
  } finally {
    await reader.close();
  }
}

/** The member at the start of `packed`, and how many bytes it takes. */
async function decodeMember(
  packed: Uint8Array,
  name: string,
): Promise<{ readonly content: Uint8Array; readonly size: number }> {
  if (Buffer.compare(packed.subarray(0, HEADER.length), HEADER) !== 0) {
    throw invalid(name, 'an unexpected gzip header');
  }
  const deflated = packed.subarray(HEADER.length);
  const { buffer, engine } = await inflate(deflated, {
    info: true,
    maxOutputLength: MEMBER_BYTES,
    chunkSize: 256 * 1024,
  }).catch((cause: unknown) => {
    throw invalid(name, 'a gzip member that is damaged, truncated or larger than 1 MiB', undefined, cause);
  });
  const end = HEADER.length + engine.bytesWritten;
  const trailer = Buffer.from(packed.subarray(end, end + TRAILER_BYTES));
  if (trailer.length < TRAILER_BYTES) throw invalid(name, 'the compressed data is truncated');
  if (trailer.readUInt32LE(0) !== crc32(buffer) || trailer.readUInt32LE(4) !== buffer.length) {
    throw invalid(name, 'a gzip member with a wrong checksum or length');
  }
  return { content: buffer, size: end + TRAILER_BYTES };
}

/** The next bytes of a stream, without moving on. */
class Window {
  readonly #reader: ByteReader;
  #bytes: Uint8Array = new Uint8Array(0);
  #ended = false;

  constructor(reader: ByteReader) {
    this.#reader = reader;
  }

  /** At least `size` bytes, fewer only where the stream ends before. */
  async fill(size: number): Promise<Uint8Array> {
    const missing = size - this.#bytes.length;
    if (missing > 0 && !this.#ended) {
      const more = await this.#reader.take(missing);
      this.#ended = more.length < missing;
      this.#bytes = Buffer.concat([this.#bytes, more]);
    }
    return this.#bytes;
  }

  drop(size: number): void {
    this.#bytes = this.#bytes.subarray(size);
  }
}
