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
  const view = viewOf(page);
  return {
    id: pageNumberAt(view, PAGE.id),
    flags: view.getUint16(PAGE.flags, true),
    count: view.getUint16(PAGE.count, true),
    overflow: view.getUint32(PAGE.overflow, true),
  };
}

/** A meta page; undefined where magic, version or checksum are wrong, since one good meta of two suffices. */
export function decodeMeta(page: Uint8Array): Meta | undefined {
  if (page.byteLength < META.end) return undefined;
  const view = viewOf(page);
  if (view.getUint32(META.magic, true) !== MAGIC || view.getUint32(META.version, true) !== VERSION) return undefined;
  if (view.getBigUint64(META.checksum, true) !== metaChecksum(page)) return undefined;
  const freelist = view.getBigUint64(META.freelist, true);
  return {
    pageSize: view.getUint32(META.pageSize, true),
    root: pageNumberAt(view, META.root),
    freelist: freelist === NO_FREELIST ? undefined : pageNumberAt(view, META.freelist),
    highWater: pageNumberAt(view, META.highWater),
    transaction: view.getBigUint64(META.transaction, true),
  };
}

/**
 * The elements of a leaf, of a page or of an inline bucket. They share the memory of `page`, and none has bytes in
 * common with another: elements that name one inline bucket over and over, level by level, would be more than anybody
 * could visit.
 */
export function decodeLeaf(page: Uint8Array): LeafElement[] {
  const elements: LeafElement[] = [];
  readLeaf(page, page.byteLength, ({ start, keyEnd, end, isBucket }) => {
    elements.push({ key: page.subarray(start, keyEnd), value: page.subarray(keyEnd, end), isBucket });
  });
  return elements;
}

/**
 * Where the elements of a leaf are, which need not be in memory.
 *
 * @param head the header and what follows it, up to the first key at least
 * @param sizeBytes of the page with its overflow pages
 */
export function decodeLeafPlaces(head: Uint8Array, sizeBytes: number): LeafPlace[] {
  const places: LeafPlace[] = [];
  readLeaf(head, sizeBytes, (place) => places.push(place));
  return places;
}

function readLeaf(head: Uint8Array, sizeBytes: number, take: (place: LeafPlace) => void): void {
  const { flags, count } = decodeHeader(head);
  if (flags !== PAGE_FLAG.leaf) throw new DecodeError(`has flags ${flags} where a leaf should be`);
  const view = elementsView(head, count);
  let free = HEADER_SIZE * (1 + count);
  for (let i = 0; i < count; i++) {
    const at = HEADER_SIZE * (1 + i);
    const start = at + view.getUint32(at + LEAF.position, true);
    const keyEnd = start + view.getUint32(at + LEAF.keySize, true);
    const end = keyEnd + view.getUint32(at + LEAF.valueSize, true);
    if (end > sizeBytes) throw new DecodeError(`has an element ${i} that reaches beyond it`);
    if (start < free) throw new DecodeError(`has an element ${i} that begins within what comes before it`);
    free = end;
    const kind = view.getUint32(at + LEAF.flags, true);
    if (kind > BUCKET_FLAG) throw new DecodeError(`has an element ${i} of flags ${kind}`);
    take({ start, keyEnd, end, isBucket: kind === BUCKET_FLAG });
  }
}

/** The elements of a branch. They share the memory of `page`. */
export function decodeBranch(page: Uint8Array): BranchElement[] {
  const { flags, count } = decodeHeader(page);
  if (flags !== PAGE_FLAG.branch) throw new DecodeError(`has flags ${flags} where a branch should be`);
  if (count === 0) throw new DecodeError('is a branch without children');
  const view = elementsView(page, count);
  return Array.from({ length: count }, (_, i) => {
    const at = HEADER_SIZE * (1 + i);
    const start = at + view.getUint32(at + BRANCH.position, true);
    const end = start + view.getUint32(at + BRANCH.keySize, true);
    if (end > page.byteLength) throw new DecodeError(`has an element ${i} that reaches beyond it`);
    return { key: page.subarray(start, end), child: pageNumberAt(view, at + BRANCH.child) };
  });
}

/** Where the content of a bucket is. */
export function decodeBucket(value: Uint8Array): BucketValue {
  if (value.byteLength < HEADER_SIZE) throw new DecodeError('has a bucket whose value ends within its head');
  const root = pageNumberAt(viewOf(value), 0);
  return root === 0 ? { inline: value.subarray(HEADER_SIZE) } : { root };
}

/** How many free pages a free list has, and where in it their numbers begin. */
export function decodeFreelist(page: Uint8Array): { readonly count: number; readonly start: number } {
  const { flags, count } = decodeHeader(page);
  if (flags !== PAGE_FLAG.freelist) throw new DecodeError(`has flags ${flags} where the free list should be`);
  if (count !== LONG_FREELIST) return { count, start: HEADER_SIZE };
  return { count: pageNumberAt(viewOf(page), HEADER_SIZE), start: HEADER_SIZE + PAGE_NUMBER_SIZE };
}

/** Numbers of pages, one after the other. */
export function decodePageNumbers(bytes: Uint8Array): number[] {
  const view = viewOf(bytes);
  return Array.from({ length: bytes.byteLength / PAGE_NUMBER_SIZE }, (_, i) =>
    pageNumberAt(view, i * PAGE_NUMBER_SIZE),
  );
}

function elementsView(page: Uint8Array, count: number): DataView {
  if (HEADER_SIZE * (1 + count) > page.byteLength)
    throw new DecodeError(`has ${count} elements, more than fit into it`);
  return viewOf(page);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A number of 64 bits, of which no file reaches the upper eleven. In halves, since a bigint takes memory. */
function pageNumberAt(view: DataView, at: number): number {
  const value = view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
  if (value > Number.MAX_SAFE_INTEGER) throw new DecodeError(`refers to page ${view.getBigUint64(at, true)}`);
  return value;
}
