import { invalid } from '../faults.ts';
import type { FileWindow } from '../file-window.ts';

/** Where the central directory lies, and how many entries it has. */
export interface DirectoryPlace {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
}

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const END64_SIGNATURE = 0x06064b50;
const END64_BYTES = 56;
const LOCATOR_SIGNATURE = 0x07064b50;
const LOCATOR_BYTES = 20;
const MAX_COMMENT = 0xffff;

/**
 * Finds the central directory (APPNOTE 6.3.10 §4.3.14-16). It must end where its end record begins, so that no reader
 * can be led to another directory than this one.
 *
 * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID
 */
export async function findDirectory(window: FileWindow, archive: string, fileSize: number): Promise<DirectoryPlace> {
  const tailStart = Math.max(0, fileSize - END_BYTES - MAX_COMMENT);
  const tail = await window.load(tailStart, fileSize - tailStart);
  const at = findEnd(tail, archive);
  const end = readEnd(tail, at);
  const endOffset = tailStart + at;
  if (end.disks !== 0) throw invalid(archive, 'a part of a split archive');
  const locator = endOffset >= LOCATOR_BYTES ? await window.load(endOffset - LOCATOR_BYTES, LOCATOR_BYTES) : undefined;
  if (locator?.readUInt32LE(0) !== LOCATOR_SIGNATURE) return checkPlace(end, endOffset, archive);
  const end64Offset = toNumber(locator.readBigUInt64LE(8), archive);
  if (end64Offset + END64_BYTES > endOffset) throw invalid(archive, 'its zip64 record lies outside the archive');
  return readEnd64(await window.load(end64Offset, END64_BYTES), end64Offset, endOffset, end, archive);
}

function findEnd(tail: Buffer, archive: string): number {
  let found = -1;
  for (let at = tail.length - END_BYTES; at >= 0; at--) {
    if (tail[at] !== 0x50 || tail.readUInt32LE(at) !== END_SIGNATURE) continue;
    if (at + END_BYTES + tail.readUInt16LE(at + 20) !== tail.length) continue;
    if (found >= 0) throw invalid(archive, 'two records that could each be its end');
    found = at;
  }
  if (found < 0)
    throw invalid(archive, 'end of central directory not found: the archive is truncated, or bytes were appended');
  return found;
}

interface End extends DirectoryPlace {
  readonly disks: number;
}

function readEnd(tail: Buffer, at: number): End {
  const count = tail.readUInt16LE(at + 10);
  return {
    disks: tail.readUInt16LE(at + 4) | tail.readUInt16LE(at + 6) | (tail.readUInt16LE(at + 8) ^ count),
    count,
    size: tail.readUInt32LE(at + 12),
    offset: tail.readUInt32LE(at + 16),
  };
}

function readEnd64(record: Buffer, at: number, endOffset: number, end: End, archive: string): DirectoryPlace {
  if (record.readUInt32LE(0) !== END64_SIGNATURE) throw invalid(archive, 'its zip64 record is damaged');
  const recordEnd = at + 12 + toNumber(record.readBigUInt64LE(4), archive);
  if (recordEnd + LOCATOR_BYTES !== endOffset) throw invalid(archive, 'its zip64 record is damaged');
  if (record.readUInt32LE(16) !== 0 || record.readUInt32LE(20) !== 0)
    throw invalid(archive, 'a part of a split archive');
  const place = {
    count: toNumber(record.readBigUInt64LE(32), archive),
    size: toNumber(record.readBigUInt64LE(40), archive),
    offset: toNumber(record.readBigUInt64LE(48), archive),
  };
  const agree =
    (end.count === 0xffff || end.count === place.count) &&
    (end.size === 0xffffffff || end.size === place.size) &&
    (end.offset === 0xffffffff || end.offset === place.offset);
  if (!agree) throw invalid(archive, 'its two end records contradict each other');
  return checkPlace(place, at, archive);
}

function checkPlace(place: DirectoryPlace, endOffset: number, archive: string): DirectoryPlace {
  const { offset, size, count } = place;
  if (offset + size !== endOffset) throw invalid(archive, 'its central directory is not where its end record says');
  return { offset, size, count };
}

/** @throws CodedError ERR_EXPORT_ARCHIVE_INVALID beyond 2^53 - 1, where no file reaches */
export function toNumber(value: bigint, archive: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid(archive, `an impossible size or offset: ${value}`);
  return Number(value);
}
