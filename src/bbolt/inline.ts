import { decodeLeaf, uint16At, uint32At } from './decode.ts';
import { bboltLimits, HEADER_SIZE, LEAF, PAGE, PAGE_FLAG } from './format.ts';
import type { BboltEntry } from './writer.ts';

/**
 * How many values a small bucket holds, if all of it can be taken as it is: every byte of its value is as writeBbolt
 * would write it, keys ascend, and no bucket is in it. Undefined for any other value.
 */
export function countWhole(value: Uint8Array): number | undefined {
  if (value.byteLength < 2 * HEADER_SIZE || value.byteLength > HEADER_SIZE + bboltLimits.inlineBytes) return undefined;
  for (let i = 0; i < HEADER_SIZE + PAGE.flags; i++) if (value[i] !== 0) return undefined;
  const count = uint16At(value, HEADER_SIZE + PAGE.count);
  const isLeaf = uint16At(value, HEADER_SIZE + PAGE.flags) === PAGE_FLAG.leaf;
  if (!isLeaf || count === 0 || uint32At(value, HEADER_SIZE + PAGE.overflow) !== 0) return undefined;
  return hasOwnForm(value, count) ? count : undefined;
}

/** Whether keys and values follow each other without gaps up to the end, in order of keys. */
function hasOwnForm(value: Uint8Array, count: number): boolean {
  let next = HEADER_SIZE * (2 + count);
  let [last, lastEnd] = [0, 0];
  for (let i = 0; i < count; i++) {
    const at = HEADER_SIZE * (2 + i);
    if (next > value.byteLength || uint32At(value, at + LEAF.flags) !== 0) return false;
    if (at + uint32At(value, at + LEAF.position) !== next) return false;
    const keyEnd = next + uint32At(value, at + LEAF.keySize);
    if (keyEnd === next || keyEnd > value.byteLength) return false;
    if (i > 0 && !isBefore(value, last, lastEnd, next, keyEnd)) return false;
    [last, lastEnd] = [next, keyEnd];
    next = keyEnd + uint32At(value, at + LEAF.valueSize);
  }
  return next === value.byteLength;
}

/** Whether a key of the value comes before another of it. */
function isBefore(value: Uint8Array, start: number, end: number, otherStart: number, otherEnd: number): boolean {
  const length = Math.min(end - start, otherEnd - otherStart);
  for (let i = 0; i < length; i++) {
    const difference = (value[start + i] as number) - (value[otherStart + i] as number);
    if (difference !== 0) return difference < 0;
  }
  return end - start < otherEnd - otherStart;
}

/** The entries of a bucket that is one entry: those that a reader gives where it takes no bucket as a whole. */
export function entriesOfWhole({ bucket, key, value }: BboltEntry): BboltEntry[] {
  if (key === undefined || value === undefined) throw new TypeError('not a whole bucket');
  const path = [...bucket, key];
  return decodeLeaf(value.subarray(HEADER_SIZE)).map((element) => ({
    bucket: path,
    key: element.key,
    value: element.value,
  }));
}
