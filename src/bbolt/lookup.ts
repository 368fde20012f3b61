import { compareBytes } from '#core';
import { PageFault } from './damage.ts';
import { decodeBucket, decodeHeader, pageNumberAt, uint32At } from './decode.ts';
import { BRANCH, BUCKET_FLAG, bboltLimits, HEADER_SIZE, LEAF, PAGE_FLAG } from './format.ts';
import { maxValueBytes, valueTooLarge } from './nodes.ts';
import type { PageReader, PageSpan } from './page-reader.ts';
import { MAX_DEPTH } from './walk.ts';

/** Where a bucket begins: in a page, or in the value of the element that names it. */
export type BucketPlace = { readonly span: PageSpan } | { readonly inline: Uint8Array; readonly page: number };

/** A key that was found. */
interface Found {
  readonly value: Uint8Array;
  readonly isBucket: boolean;
  readonly page: number;
}

/**
 * Finds a key in a bucket by halving, as bbolt does: of each page a few elements are read, since a page may have as many
 * as 65,535, and lookups may be as many as keys. Undefined if the bucket does not have it.
 *
 * @throws PageFault; CodedError ERR_EXPORT_TOO_LARGE
 */
export async function findKey(pages: PageReader, bucket: BucketPlace, key: Uint8Array): Promise<Found | undefined> {
  let page = pageAt(pages, bucket);
  for (let depth = 0; depth <= MAX_DEPTH; depth++) {
    const place = await page.search(key);
    if (page.isLeaf)
      return place >= 0 && compareBytes(await page.keyAt(place), key) === 0 ? page.found(place) : undefined;
    page = pageAt(pages, { span: await pages.span(await page.childAt(Math.max(place, 0))) });
  }
  throw new PageFault(page.id, 'is nested too deeply');
}

/** Finds the bucket that a path leads to; undefined if it leads nowhere. @throws as findKey */
export async function findBucket(pages: PageReader, path: readonly Uint8Array[]): Promise<BucketPlace | undefined> {
  let place: BucketPlace = { span: await pages.span(pages.meta.root) };
  for (const name of path) {
    const found = await findKey(pages, place, name);
    if (found === undefined || !found.isBucket) return undefined;
    const value = pages.decode(decodeBucket, found.value, found.page);
    if ('root' in value) place = { span: await pages.span(value.root) };
    else place = { inline: value.inline, page: found.page };
  }
  return place;
}

function pageAt(pages: PageReader, place: BucketPlace): PartialPage {
  if ('span' in place) {
    const { span } = place;
    return new PartialPage(pages, span.id, span.sizeBytes, span.first, (start, end) => pages.bytes(span, start, end));
  }
  const { inline, page } = place;
  return new PartialPage(pages, page, inline.byteLength, inline, (start, end) => inline.subarray(start, end));
}

/** Reads a part of a page. */
type ReadPart = (start: number, end: number) => Uint8Array | Promise<Uint8Array>;

/** A page of which no more is read than is asked for. */
class PartialPage {
  readonly id: number;
  readonly isLeaf: boolean;
  readonly #pages: PageReader;
  readonly #sizeBytes: number;
  readonly #count: number;
  readonly #read: ReadPart;

  constructor(pages: PageReader, id: number, sizeBytes: number, head: Uint8Array, read: ReadPart) {
    const { flags, count } = pages.decode(decodeHeader, head, id);
    this.isLeaf = flags === PAGE_FLAG.leaf;
    if (!this.isLeaf && flags !== PAGE_FLAG.branch) {
      throw new PageFault(id, `has flags ${flags} where a leaf or branch should be`);
    }
    if (!this.isLeaf && count === 0) throw new PageFault(id, 'is a branch without children');
    if (HEADER_SIZE * (1 + count) > sizeBytes) throw new PageFault(id, `has ${count} elements, more than fit into it`);
    this.id = id;
    this.#pages = pages;
    this.#sizeBytes = sizeBytes;
    this.#count = count;
    this.#read = read;
  }

  /** The place of the last key that does not come after `key`; -1 if all do. */
  async search(key: Uint8Array): Promise<number> {
    let [low, high] = [0, this.#count - 1];
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if (compareBytes(await this.keyAt(middle), key) <= 0) low = middle + 1;
      else high = middle - 1;
    }
    return high;
  }

  async keyAt(index: number): Promise<Uint8Array> {
    const { start, keyEnd } = await this.#bounds(index);
    return this.#read(start, keyEnd);
  }

  async childAt(index: number): Promise<number> {
    const element = await this.#element(index);
    return this.#pages.decode((bytes) => pageNumberAt(bytes, BRANCH.child), element, this.id);
  }

  /** The element of a leaf. */
  async found(index: number): Promise<Found> {
    const element = await this.#element(index);
    const { keyEnd } = await this.#bounds(index);
    const end = keyEnd + uint32At(element, LEAF.valueSize);
    if (end > this.#sizeBytes) throw this.#beyond(index);
    if (end - keyEnd > maxValueBytes) throw valueTooLarge(this.#pages.name, this.id, end - keyEnd);
    const isBucket = uint32At(element, LEAF.flags) === BUCKET_FLAG;
    return { value: await this.#read(keyEnd, end), isBucket, page: this.id };
  }

  #element(index: number): Uint8Array | Promise<Uint8Array> {
    const at = HEADER_SIZE * (1 + index);
    return this.#read(at, at + HEADER_SIZE);
  }

  async #bounds(index: number): Promise<{ readonly start: number; readonly keyEnd: number }> {
    const element = await this.#element(index);
    const { position, keySize } = this.isLeaf ? LEAF : BRANCH;
    const start = HEADER_SIZE * (1 + index) + uint32At(element, position);
    const size = uint32At(element, keySize);
    if (start + size > this.#sizeBytes) throw this.#beyond(index);
    if (size > bboltLimits.keyBytes) throw new PageFault(this.id, `has a key of ${size} bytes`);
    return { start, keyEnd: start + size };
  }

  #beyond(index: number): PageFault {
    return new PageFault(this.id, `has an element ${index} that reaches beyond it`);
  }
}
