import { invalid } from '../faults.ts';

/** Tar is made of blocks of this size: a header, then content filled up with zeros. */
export const BLOCK = 512;

/** A header block (POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar's own variant of it). */
export interface TarHeader {
  readonly name: string;
  readonly size: number;
  /** One character; NUL, the oldest form of a file, is given as `0`. */
  readonly type: string;
  /** Permission bits. */
  readonly mode: number;
  /** The target of a hard or symbolic link; empty for every other type. */
  readonly link: string;
}

/** Whether a block holds only zeros, two of which end an archive. */
export function isZero(block: Uint8Array): boolean {
  for (let i = 0; i < block.length; i++) if (block[i] !== 0) return false;
  return true;
}

/** Whether the block's checksum is right, which makes it a tar header and hardly anything else. */
export function isHeader(block: Uint8Array): boolean {
  const stored = parseOctal(block, 148, 8);
  if (block.length < BLOCK || stored === undefined) return false;
  let unsigned = 8 * 0x20;
  let signed = 8 * 0x20;
  for (let i = 0; i < BLOCK; i++) {
    if (i === 148) i = 156;
    const byte = block[i] as number;
    unsigned += byte;
    signed += byte < 0x80 ? byte : byte - 0x100;
  }
  // Some old writers summed signed bytes; GNU tar and libarchive take both.
  return stored === unsigned || stored === signed;
}

/** @throws CodedError ERR_EXPORT_ARCHIVE_INVALID for a wrong checksum, size or name */
export function decodeHeader(block: Uint8Array, archive: string): TarHeader {
  const short = decodeName(block, 0, 100);
  if (!isHeader(block)) throw invalid(archive, 'a header with a wrong checksum', short);
  const size = parseSize(block);
  if (size === undefined) throw invalid(archive, 'its size is not a number', short);
  // GNU's variant (`ustar  `) keeps times where POSIX has the prefix.
  const prefix = Buffer.from(block.buffer, block.byteOffset, BLOCK).toString('latin1', 257, 263) === 'ustar\0';
  const folder = prefix ? decodeName(block, 345, 155) : '';
  const type = block[156] === 0 ? '0' : String.fromCharCode(block[156] as number);
  const mode = (parseOctal(block, 100, 8) ?? 0) & 0o777;
  const link = type === '1' || type === '2' ? decodeName(block, 157, 100) : '';
  return { name: folder === '' ? short : `${folder}/${short}`, size, type, mode, link };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text up to the first NUL: UTF-8 where it is that, else byte by byte. */
export function decodeName(bytes: Uint8Array, start: number, length: number): string {
  let end = start;
  let ascii = true;
  for (; end < start + length && end < bytes.length && bytes[end] !== 0; end++) {
    if ((bytes[end] as number) > 0x7f) ascii = false;
  }
  const view = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  if (ascii) return view.toString('latin1');
  try {
    return utf8.decode(view);
  } catch {
    return view.toString('latin1');
  }
}

function parseSize(block: Uint8Array): number | undefined {
  const first = block[124] as number;
  if (first < 0x80) return parseOctal(block, 124, 12);
  // GNU's base 256: a marker bit, then a big-endian number.
  if (first !== 0x80) return undefined;
  let value = 0;
  for (let i = 125; i < 136; i++) value = value * 256 + (block[i] as number);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Octal digits between spaces, ended by a space, a NUL or the field. An empty field is 0. */
function parseOctal(block: Uint8Array, start: number, length: number): number | undefined {
  const end = start + length;
  let at = start;
  while (at < end && block[at] === 0x20) at++;
  let value = 0;
  for (; at < end; at++) {
    const digit = (block[at] as number) - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  const closed = at === end || block[at] === 0x20 || block[at] === 0;
  return closed ? value : undefined;
}
