import { gunzipSync } from 'node:zlib';

/** A deflated entry and what it must unpack to. */
export interface PackedEntry {
  readonly packed: Uint8Array;
  readonly crc: number;
  readonly size: number;
}

/** Magic and method of a gzip member (RFC 1952 §2.3), by which zlib finds the next one; flags, time and system are 0. */
const HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0);
const MAGIC = Buffer.from(HEADER.subarray(0, 3));
const TRAILER_BYTES = 8;

/** What node:zlib's `info: true` makes of a result; the types of Node do not know it. */
export interface Inflated {
  readonly buffer: Uint8Array;
  readonly engine: { readonly bytesWritten: number };
}

/**
 * Unpacks entries as one gzip file with a member for each, checksums checked, since starting zlib costs more than
 * unpacking a small record. Undefined where that does not go as it should: then unpack them one by one, which tells
 * what is wrong with which.
 *
 * It is as strict as that. Members can begin only at the headers written here, since the magic is found nowhere else,
 * and all bytes are used: so every trailer read is one written here, and holds its own entry's size. All sizes
 * together come out and none is 0, so none was passed over: every entry ends exactly where its bytes end.
 */
export function inflateTogether(entries: readonly PackedEntry[]): Uint8Array[] | undefined {
  const members = joinMembers(entries);
  if (entries.some(({ size }) => size === 0) || countMagic(members) !== entries.length) return undefined;
  const total = entries.reduce((sum, { size }) => sum + size, 0);
  const unpacked = inflate(members, total);
  if (unpacked?.byteLength !== total) return undefined;
  let at = 0;
  return entries.map(({ size }) => {
    at += size;
    return unpacked.subarray(at - size, at);
  });
}

function joinMembers(entries: readonly PackedEntry[]): Buffer {
  const overhead = HEADER.length + TRAILER_BYTES;
  const length = entries.reduce((sum, { packed }) => sum + packed.length + overhead, 0);
  const members = Buffer.allocUnsafe(length);
  let at = 0;
  for (const { packed, crc, size } of entries) {
    members.set(HEADER, at);
    members.set(packed, at + HEADER.length);
    at += HEADER.length + packed.length;
    members.writeUInt32LE(crc, at);
    members.writeUInt32LE(size, at + 4);
    at += TRAILER_BYTES;
  }
  return members;
}

function countMagic(members: Buffer): number {
  let count = 0;
  for (let at = members.indexOf(MAGIC); at >= 0; at = members.indexOf(MAGIC, at + 1)) count++;
  return count;
}

function inflate(members: Buffer, total: number): Uint8Array | undefined {
  try {
    // One byte more than the content, so that zlib is done in one round and nothing is copied after it.
    const options = { chunkSize: Math.max(total + 1, 64), maxOutputLength: Math.max(total, 1), info: true };
    const { buffer, engine } = gunzipSync(members, options) as unknown as Inflated;
    return engine.bytesWritten === members.length ? buffer : undefined;
  } catch {
    return undefined;
  }
}
