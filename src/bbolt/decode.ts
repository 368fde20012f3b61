import {
  BRANCH,
  BUCKET_FLAG,
  HEADER_SIZE,
  LEAF,
  MAGIC,
  META,
  metaChecksum,
  PAGE,
  PAGE_FLAG,
  VERSION,
} from './format.ts';

/** What a page says of itself. */
export interface PageHeader {
  readonly id: number;
  readonly flags: number;
  readonly count: number;
  readonly overflow: number;
}

/** What a meta page holds that a reader needs. */
export interface Meta {
  readonly pageSize: number;
  readonly root: number;
  readonly freelist: number | undefined;
  readonly highWater: number;
  readonly transaction: bigint;
}

/** A key with its value, or with the bucket that its value stands for. */
export interface LeafElement {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly isBucket: boolean;
}

/** Where in its page a key and its value are: the value follows the key. */
export interface LeafPlace {
  readonly start: number;
  readonly keyEnd: number;
  readonly end: number;
  readonly isBucket: boolean;
}

/** A child of a branch and the first key under it. */
export interface BranchElement {
  readonly key: Uint8Array;
  readonly child: number;
}

/** A bucket's value: the page where its tree begins, or the leaf that it carries in itself. */
export type BucketValue = { readonly root: number } | { readonly inline: Uint8Array };

/** Says of a page why it cannot be read, as in `ends within its header`; the caller adds which. */
export class DecodeError extends Error {}

/** Bytes of a page's number in a free list. */
export const PAGE_NUMBER_SIZE = 8;

/** The count of a free list whose real count comes first among its numbers. */
const LONG_FREELIST = 0xffff;

const NO_FREELIST = 0xffff_ffff_ffff_ffffn;

/** The header of a page. */
export function decodeHeader(page: Uint8Array): PageHeader {
  if (page.byteLength < HEADER_SIZE) throw new DecodeError('ends within its header');
  return {
    id: pageNumberAt(page, PAGE.id),
    flags: uint16At(page, PAGE.flags),
    count: uint16At(page, PAGE.count),
    overflow: uint32At(page, PAGE.overflow),
  };
}

/** A meta page; undefined where magic, version or checksum are wrong, since one good meta of two suffices. */
export function decodeMeta(page: Uint8Array): Meta | undefined {
  if (page.byteLength < META.end) return undefined;
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  if (view.getUint32(META.magic, true) !== MAGIC || view.getUint32(META.version, true) !== VERSION) return undefined;
  if (view.getBigUint64(META.checksum, true) !== metaChecksum(page)) return undefined;
  const freelist = view.getBigUint64(META.freelist, true);
  return {
    pageSize: view.getUint32(META.pageSize, true),
    root: pageNumberAt(page, META.root),
    freelist: freelist === NO_FREELIST ? undefined : pageNumberAt(page, META.freelist),
    highWater: pageNumberAt(page, META.highWater),
    transaction: view.getBigUint64(META.transaction, true),
  };
}

/** The elements of a leaf, of a page or of an inline bucket; see decodeLeafElement. */
export function decodeLeaf(page: Uint8Array): LeafElement[] {
  return Array.from({ length: decodeLeafCount(page) }, (_, i) => decodeLeafElement(page, i));
}

/** How many elements a leaf has. */
export function decodeLeafCount(page: Uint8Array): number {
  return countOf(page, PAGE_FLAG.leaf, 'leaf');
}

/**
 * An element of a leaf, by its place. It shares the memory of `page`, and has no bytes in common with the one before it,
 * and so with none: elements that name one inline bucket over and over, level by level, would be more than anybody could
 * visit.
 */
export function decodeLeafElement(page: Uint8Array, index: number): LeafElement {
  const at = HEADER_SIZE * (1 + index);
  const start = at + uint32At(page, at + LEAF.position);
  const keyEnd = start + uint32At(page, at + LEAF.keySize);
  const end = keyEnd + uint32At(page, at + LEAF.valueSize);
  const kind = uint32At(page, at + LEAF.flags);
  checkPlace(page, index, start, end, page.byteLength);
  if (kind > BUCKET_FLAG) throw new DecodeError(`has an element ${index} of flags ${kind}`);
  return { key: page.subarray(start, keyEnd), value: page.subarray(keyEnd, end), isBucket: kind === BUCKET_FLAG };
}

/**
 * Where the elements of a leaf are, which need not be in memory.
 *
 * @param head the header and what follows it, up to the first key at least
 * @param sizeBytes of the page with its overflow pages
 */
export function decodeLeafPlaces(head: Uint8Array, sizeBytes: number): LeafPlace[] {
  return Array.from({ length: decodeLeafCount(head) }, (_, index) => {
    const at = HEADER_SIZE * (1 + index);
    const start = at + uint32At(head, at + LEAF.position);
    const keyEnd = start + uint32At(head, at + LEAF.keySize);
    const end = keyEnd + uint32At(head, at + LEAF.valueSize);
    const kind = uint32At(head, at + LEAF.flags);
    checkPlace(head, index, start, end, sizeBytes);
    if (kind > BUCKET_FLAG) throw new DecodeError(`has an element ${index} of flags ${kind}`);
    return { start, keyEnd, end, isBucket: kind === BUCKET_FLAG };
  });
}

function checkPlace(page: Uint8Array, index: number, start: number, end: number, sizeBytes: number): void {
  if (end > sizeBytes) throw new DecodeError(`has an element ${index} that reaches beyond it`);
  if (start < endOfElement(page, index - 1)) {
    throw new DecodeError(`has an element ${index} that begins within what comes before it`);
  }
}

/** Where what an element names ends; before the first, where the table of elements does. */
function endOfElement(page: Uint8Array, index: number): number {
  if (index < 0) return HEADER_SIZE * (1 + uint16At(page, PAGE.count));
  const at = HEADER_SIZE * (1 + index);
  return (
    at + uint32At(page, at + LEAF.position) + uint32At(page, at + LEAF.keySize) + uint32At(page, at + LEAF.valueSize)
  );
}

/** The elements of a branch. They share the memory of `page`. */
export function decodeBranch(page: Uint8Array): BranchElement[] {
  const count = countOf(page, PAGE_FLAG.branch, 'branch');
  if (count === 0) throw new DecodeError('is a branch without children');
  return Array.from({ length: count }, (_, i) => {
    const at = HEADER_SIZE * (1 + i);
    const start = at + uint32At(page, at + BRANCH.position);
    const end = start + uint32At(page, at + BRANCH.keySize);
    if (end > page.byteLength) throw new DecodeError(`has an element ${i} that reaches beyond it`);
    return { key: page.subarray(start, end), child: pageNumberAt(page, at + BRANCH.child) };
  });
}

/** Where the content of a bucket is. */
export function decodeBucket(value: Uint8Array): BucketValue {
  if (value.byteLength < HEADER_SIZE) throw new DecodeError('has a bucket whose value ends within its head');
  const root = pageNumberAt(value, 0);
  return root === 0 ? { inline: value.subarray(HEADER_SIZE) } : { root };
}

/** How many free pages a free list has, and where in it their numbers begin. */
export function decodeFreelist(page: Uint8Array): { readonly count: number; readonly start: number } {
  const { flags, count } = decodeHeader(page);
  if (flags !== PAGE_FLAG.freelist) throw new DecodeError(`has flags ${flags} where the free list should be`);
  if (count !== LONG_FREELIST) return { count, start: HEADER_SIZE };
  return { count: pageNumberAt(page, HEADER_SIZE), start: HEADER_SIZE + PAGE_NUMBER_SIZE };
}

/** Numbers of pages, one after the other. */
export function decodePageNumbers(bytes: Uint8Array): number[] {
  return Array.from({ length: bytes.byteLength / PAGE_NUMBER_SIZE }, (_, i) =>
    pageNumberAt(bytes, i * PAGE_NUMBER_SIZE),
  );
}

/** How many elements a page of a kind has, all of which fit into it. */
function countOf(page: Uint8Array, kind: number, name: string): number {
  if (page.byteLength < HEADER_SIZE) throw new DecodeError('ends within its header');
  const flags = uint16At(page, PAGE.flags);
  if (flags !== kind) throw new DecodeError(`has flags ${flags} where a ${name} should be`);
  const count = uint16At(page, PAGE.count);
  if (HEADER_SIZE * (1 + count) > page.byteLength)
    throw new DecodeError(`has ${count} elements, more than fit into it`);
  return count;
}

// Byte by byte: a DataView for each page and each inline bucket takes longer than what is read through it.

export function uint16At(page: Uint8Array, at: number): number {
  return (page[at] as number) | ((page[at + 1] as number) << 8);
}

export function uint32At(page: Uint8Array, at: number): number {
  return (uint16At(page, at) | (uint16At(page, at + 2) << 16)) >>> 0;
}

/** A number of 64 bits, of which no file reaches the upper eleven. In halves, since a bigint takes memory. */
export function pageNumberAt(page: Uint8Array, at: number): number {
  const [low, high] = [uint32At(page, at), uint32At(page, at + 4)];
  const value = high * 2 ** 32 + low;
  if (value > Number.MAX_SAFE_INTEGER) throw new DecodeError(`refers to page ${(BigInt(high) << 32n) | BigInt(low)}`);
  return value;
}
