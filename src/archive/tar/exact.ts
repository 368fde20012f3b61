import { ByteReader } from '../byte-reader.ts';
import { invalid } from '../faults.ts';
import { BLOCK, decodeHeader, isZero } from './header.ts';

/** A file of a tar stream that was written by encodeTar. */
export interface ExactTarFile {
  readonly path: string;
  readonly size: number;
  /** The content, once, and before the next file is asked for; what is not read is passed over. */
  chunks(): AsyncIterable<Uint8Array>;
}

/** How much of a file is handed over at a time, in bytes. */
const PIECE = 256 * 1024;

/**
 * The files of a tar stream that is, byte for byte, what encodeTar writes for the files in it: plain ustar headers of
 * mode 0644 with this time, content filled up with zeros, two zero blocks, and the end. Folders, other formats and
 * spellings of a header, and anything after the end are refused.
 *
 * @param name what the stream is called in errors
 * @param mtime seconds since 1970
 * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID
 */
export async function* readExactTar(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  mtime: number,
): AsyncGenerator<ExactTarFile, void, void> {
  const reader = new ByteReader(chunks);
  try {
    for (let block = await readBlock(reader, name); !isZero(block); block = await readBlock(reader, name)) {
      const { name: path, size } = decodeHeader(block, name);
      if (Buffer.compare(block, encodeHeader(path, size, mtime)) !== 0) {
        throw invalid(name, `not the plain ustar header of a file of mode 0644 and time ${mtime}`, path);
      }
      const content = new Content(reader, size, () => invalid(name, 'the archive is truncated here', path));
      yield { path, size, chunks: () => content.read() };
      await content.skip();
      const padding = await reader.take((BLOCK - (size % BLOCK)) % BLOCK);
      if ((size + padding.length) % BLOCK !== 0 || !isZero(padding)) {
        throw invalid(name, 'bytes other than zeros after the content', path);
      }
    }
    if (!isZero(await readBlock(reader, name)) || (await reader.take(1)).length > 0) {
      throw invalid(name, 'bytes after the end of the archive');
    }
  } finally {
    await reader.close();
  }
}

async function readBlock(reader: ByteReader, name: string): Promise<Uint8Array> {
  // A copy: the reader's own bytes are good until it is asked again.
  const block = Uint8Array.from(await reader.take(BLOCK));
  if (block.length < BLOCK) throw invalid(name, 'the archive is truncated');
  return block;
}

class Content {
  readonly #reader: ByteReader;
  readonly #cut: () => Error;
  #left: number;

  constructor(reader: ByteReader, size: number, cut: () => Error) {
    this.#reader = reader;
    this.#left = size;
    this.#cut = cut;
  }

  async *read(): AsyncGenerator<Uint8Array> {
    while (this.#left > 0) {
      const bytes = await this.#reader.take(Math.min(this.#left, PIECE));
      if (bytes.length === 0) throw this.#cut();
      this.#left -= bytes.length;
      yield new Uint8Array(bytes);
    }
  }

  async skip(): Promise<void> {
    if (this.#left > 0 && (await this.#reader.skip(this.#left)) > 0) throw this.#cut();
    this.#left = 0;
  }
}

/** A ustar header (POSIX.1-2017 pax, "ustar Interchange Format"), numbers as tar-stream spells them. */
function encodeHeader(path: string, size: number, mtime: number): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  block.write(path.slice(0, 100), 0, 'latin1');
  block.write(octal(0o644, 6), 100, 'latin1');
  for (const at of [108, 116, 329, 337]) block.write(octal(0, 6), at, 'latin1');
  block.write(octal(size, 11), 124, 'latin1');
  block.write(octal(mtime, 11), 136, 'latin1');
  block.write('0', 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0`, 148, 'latin1');
  return block;
}

function octal(value: number, digits: number): string {
  return `${value.toString(8).padStart(digits, '0')} `;
}
