import type { ByteStream } from '#oci/image';

/** A file on its way into a tar. */
export interface TarFile {
  readonly path: string;
  /** Bytes of `content`, exactly. */
  readonly size: number;
  readonly content: ByteStream;
  /** The content without so many of its first bytes, if that takes less than to read and drop these. */
  readonly contentFrom?: (offset: number) => ByteStream;
}

const BLOCK = 512;
/** Two blocks of zeros. */
const END_BYTES = 2 * BLOCK;
const MAX_USTAR_SIZE = 0o77777777777;
/** A time that no reader takes for "now". */
const MTIME = 1;

/**
 * A tar of these files in their order, the same bytes for the same files. Names and sizes beyond ustar's get a pax
 * header: a sha512 blob's name has 141 characters, a blob may have more than 8 GiB.
 *
 * @param offset how many bytes to leave out at the beginning; content of files that lie wholly in them is not read
 */
export async function* encodeLayoutTar(files: Iterable<TarFile>, offset = 0): ByteStream {
  let skip = offset;
  for (const file of files) {
    const sizeBytes = entryBytes(file);
    if (skip < sizeBytes) yield* skip === 0 ? encodeEntry(file) : encodeRest(file, skip);
    skip = Math.max(0, skip - sizeBytes);
  }
  yield new Uint8Array(Math.max(0, END_BYTES - skip));
}

/** How many bytes the tar of these files has. */
export function layoutTarBytes(files: Iterable<TarFile>): number {
  let total = END_BYTES;
  for (const file of files) total += entryBytes(file);
  return total;
}

function entryBytes(file: TarFile): number {
  return headBytes(file) + file.size + padding(file.size);
}

function headBytes(file: TarFile): number {
  return headOf(file).reduce((total, { byteLength }) => total + byteLength, 0);
}

async function* encodeEntry(file: TarFile): ByteStream {
  yield* headOf(file);
  yield* file.content;
  yield new Uint8Array(padding(file.size));
}

/** An entry without its first bytes. */
async function* encodeRest(file: TarFile, skip: number): ByteStream {
  const contentSkip = skip - headBytes(file);
  if (file.contentFrom === undefined || contentSkip <= 0 || contentSkip >= file.size) {
    return yield* withoutBegin(encodeEntry(file), skip);
  }
  yield* file.contentFrom(contentSkip);
  yield new Uint8Array(padding(file.size));
}

async function* withoutBegin(stream: ByteStream, sizeBytes: number): ByteStream {
  let skip = sizeBytes;
  for await (const chunk of stream) {
    if (skip < chunk.byteLength) yield chunk.subarray(skip);
    skip = Math.max(0, skip - chunk.byteLength);
  }
}

function headOf({ path, size }: TarFile): Uint8Array[] {
  const long = Buffer.byteLength(path) > 100;
  const last = header(long ? path.slice(0, 100) : path, Math.min(size, MAX_USTAR_SIZE), '0');
  if (!long && size <= MAX_USTAR_SIZE) return [last];
  const records = [
    ...(long ? [paxRecord('path', path)] : []),
    ...(size > MAX_USTAR_SIZE ? [paxRecord('size', String(size))] : []),
  ];
  const pax = Buffer.from(records.join(''));
  return [header('pax', pax.length, 'x'), pax, new Uint8Array(padding(pax.byteLength)), last];
}

/** One header block (POSIX.1-2017 pax, "ustar Interchange Format"); no owner, no name of one. */
function header(path: string, size: number, type: string): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  block.write(path, 0, 100, 'utf8');
  block.write('0000644\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  block.write(`${MTIME.toString(8).padStart(11, '0')}\0`, 136);
  block.write('        ', 148);
  block.write(type, 156);
  block.write('ustar\u000000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** The length at the front counts its own digits. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest);
  while (String(length).length + Buffer.byteLength(rest) !== length)
    length = String(length).length + Buffer.byteLength(rest);
  return `${length}${rest}`;
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}
