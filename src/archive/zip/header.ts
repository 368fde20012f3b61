import { checkPath } from '../entry-path.ts';
import { invalid, unsafe } from '../faults.ts';
import { toNumber } from './end.ts';

/** An entry as the central directory describes it. */
export interface ZipHeader {
  /** The name's bytes, one character each. */
  readonly rawName: string;
  readonly path: string;
  readonly isFolder: boolean;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  /** Where its local header begins. */
  readonly offset: number;
}

export const methods = { stored: 0, deflate: 8 } as const;

export const CENTRAL_BYTES = 46;
const CENTRAL_SIGNATURE = 0x02014b50;
export const LOCAL_BYTES = 30;
const LOCAL_SIGNATURE = 0x04034b50;

/** Encrypted, patched, strongly encrypted, masked. */
const REFUSED_FLAGS = 0x2061;
const HAS_DESCRIPTOR = 0x0008;
const IS_UTF8 = 0x0800;
const ZIP64_EXTRA = 0x0001;
const SATURATED = 0xffffffff;

/** Bytes of a central header with its name, extra fields and comment, told from its fixed part. */
export function centralSize(fixed: Buffer, archive: string): number {
  if (fixed.readUInt32LE(0) !== CENTRAL_SIGNATURE) throw invalid(archive, 'its central directory is damaged');
  return CENTRAL_BYTES + fixed.readUInt16LE(28) + fixed.readUInt16LE(30) + fixed.readUInt16LE(32);
}

/**
 * Decodes a central header (APPNOTE 6.3.10 §4.3.12), whole as `centralSize` measures it.
 *
 * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID, ERR_EXPORT_ARCHIVE_UNSAFE
 */
export function decodeCentral(bytes: Buffer, archive: string): ZipHeader {
  const nameLength = bytes.readUInt16LE(28);
  const rawName = bytes.toString('latin1', CENTRAL_BYTES, CENTRAL_BYTES + nameLength);
  const flags = bytes.readUInt16LE(8);
  const name = decodeName(bytes.subarray(CENTRAL_BYTES, CENTRAL_BYTES + nameLength), rawName, flags, archive);
  const method = bytes.readUInt16LE(10);
  const path = checkPath(name, archive);
  checkKind(bytes.readUInt32LE(38) >>> 16, name, archive);
  if ((flags & REFUSED_FLAGS) !== 0) throw invalid(archive, 'it is encrypted or patched', name);
  if (method !== methods.stored && method !== methods.deflate) {
    throw invalid(archive, `unsupported compression method ${method}; use stored or deflate`, name);
  }
  const sizes = decodeSizes(bytes, CENTRAL_BYTES + nameLength, name, archive);
  const isFolder = name.endsWith('/');
  if (isFolder ? sizes.size !== 0 : path === '')
    throw invalid(archive, 'a directory with content, or an entry without a name', name);
  if (method === methods.stored && sizes.packed !== sizes.size) {
    throw invalid(archive, `stored, yet ${sizes.packed} bytes packed and ${sizes.size} unpacked`, name);
  }
  return { rawName, path, isFolder, flags, method, crc: bytes.readUInt32LE(16), ...sizes };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A name without the UTF-8 flag is in some code page: as UTF-8 where it is that, else byte by byte, unambiguously. */
function decodeName(bytes: Buffer, rawName: string, flags: number, archive: string): string {
  if (isAscii(rawName)) return rawName;
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    if ((flags & IS_UTF8) !== 0) throw invalid(archive, 'its name is not valid UTF-8', rawName, cause);
    return rawName;
  }
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** Unix file types in the upper half of the external attributes: 0 is unknown, 8 a file, 4 a folder. */
function checkKind(mode: number, name: string, archive: string): void {
  const kind = mode >>> 12;
  if (kind === 0 || kind === 8 || kind === 4) return;
  throw unsafe(archive, kind === 10 ? 'a symbolic link' : 'a device, pipe or socket', name);
}

type Sizes = Pick<ZipHeader, 'packed' | 'size' | 'offset'>;

function decodeSizes(bytes: Buffer, extraStart: number, name: string, archive: string): Sizes {
  const narrow = { size: bytes.readUInt32LE(24), packed: bytes.readUInt32LE(20), offset: bytes.readUInt32LE(42) };
  if (bytes.readUInt16LE(34) !== 0) throw invalid(archive, 'it lies in another part of a split archive', name);
  if (narrow.size !== SATURATED && narrow.packed !== SATURATED && narrow.offset !== SATURATED) return narrow;
  const extra = bytes.subarray(extraStart, extraStart + bytes.readUInt16LE(30));
  const wide = findExtra(extra, ZIP64_EXTRA);
  let at = 0;
  const widen = (value: number): number => {
    if (value !== SATURATED) return value;
    at += 8;
    if (wide === undefined || at > wide.length) throw invalid(archive, 'its zip64 sizes are missing', name);
    return toNumber(wide.readBigUInt64LE(at - 8), archive);
  };
  // The order is the format's (§4.5.3): only saturated values are there, and object members evaluate in this order.
  return { size: widen(narrow.size), packed: widen(narrow.packed), offset: widen(narrow.offset) };
}

function findExtra(extra: Buffer, id: number): Buffer | undefined {
  for (let at = 0; at + 4 <= extra.length; ) {
    const end = at + 4 + extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) === id && end <= extra.length) return extra.subarray(at + 4, end);
    at = end;
  }
  return undefined;
}

/** Bytes of a local header with its name and extra fields, told from its fixed part. */
export function localSize(fixed: Buffer, header: ZipHeader, archive: string): number {
  if (fixed.readUInt32LE(0) !== LOCAL_SIGNATURE) throw invalid(archive, 'its local header is damaged', header.path);
  return LOCAL_BYTES + fixed.readUInt16LE(26) + fixed.readUInt16LE(28);
}

/**
 * Holds a whole local header (§4.3.7) to what the central directory says of the entry; readers that stream
 * believe the one, readers that seek the other.
 *
 * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID
 */
export function checkLocal(bytes: Buffer, header: ZipHeader, archive: string): void {
  const nameEnd = LOCAL_BYTES + bytes.readUInt16LE(26);
  const differs = (what: string) => invalid(archive, `its two headers differ in ${what}`, header.path);
  if (bytes.toString('latin1', LOCAL_BYTES, nameEnd) !== header.rawName) throw differs('name');
  if (bytes.readUInt16LE(8) !== header.method) throw differs('method');
  if (bytes.readUInt16LE(6) !== header.flags) throw differs('flags');
  // With a data descriptor the local header may leave crc and sizes at 0, being written before they are known.
  const unknown = (header.flags & HAS_DESCRIPTOR) !== 0;
  const same = (value: number, expected: number) => value === expected || (unknown && value === 0);
  if (!same(bytes.readUInt32LE(14), header.crc)) throw differs('checksum');
  const wide = findExtra(bytes.subarray(nameEnd), ZIP64_EXTRA);
  const packed = bytes.readUInt32LE(18);
  const size = bytes.readUInt32LE(22);
  if (packed === SATURATED && size === SATURATED && wide !== undefined && wide.length >= 16) {
    const fits =
      same(toNumber(wide.readBigUInt64LE(0), archive), header.size) &&
      same(toNumber(wide.readBigUInt64LE(8), archive), header.packed);
    if (!fits) throw differs('size');
  } else if (!same(packed, header.packed) || !same(size, header.size)) {
    throw differs('size');
  }
}
