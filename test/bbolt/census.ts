import {
  DecodeError,
  decodeBranch,
  decodeBucket,
  decodeHeader,
  decodeLeaf,
  type LeafElement,
} from '../../src/bbolt/decode.ts';
import { HEADER_SIZE, PAGE_FLAG } from '../../src/bbolt/format.ts';
import { PageReader } from '../../src/bbolt/page-reader.ts';

/** What a valid file was found to hold. */
interface BboltCensus {
  readonly pages: number;
  readonly freePages: number;
  readonly buckets: number;
  readonly values: number;
}

/**
 * Proves that a bbolt file of 4096-byte pages is whole: each page below the high-water mark is in use once or free,
 * not both; pages are of the kind that their place asks for; keys ascend within pages, between siblings and from
 * parent to child, in inline buckets too. Memory: one bit a page.
 *
 * @param signal asked at each page
 * @throws CodedError ERR_EXPORT_CONTENT_MISMATCH naming the first fault; as fileError where the file cannot be read
 */
export async function checkBbolt(path: string, signal?: AbortSignal): Promise<BboltCensus> {
  const pages = await PageReader.open(path);
  try {
    const census = new Census(pages, signal);
    await census.takeFreelist();
    await census.visitTree(pages.meta.root, undefined, undefined, 0);
    return census.finish();
  } finally {
    await pages.close();
  }
}

const MAX_DEPTH = 64;

class Census {
  readonly #pages: PageReader;
  readonly #signal: AbortSignal | undefined;
  readonly #seen: Uint8Array;
  #freePages = 0;
  #buckets = 0;
  #values = 0;

  constructor(pages: PageReader, signal: AbortSignal | undefined) {
    this.#pages = pages;
    this.#signal = signal;
    this.#seen = new Uint8Array(Math.ceil(pages.meta.highWater / 8));
    for (const id of [0, 1]) this.#mark(id, 'a meta page');
  }

  async takeFreelist(): Promise<void> {
    const { freelist } = this.#pages.meta;
    if (freelist === undefined) throw this.#pages.damaged('it has no free list');
    const span = await this.#pages.span(freelist);
    const [header, bytes] = [span.header, await this.#pages.bytes(span)];
    this.#markAll(freelist, header.overflow, 'the free list');
    let last = 1;
    for (const id of this.#pages.decode(decodeFreelist, bytes, freelist)) {
      if (id <= last) throw this.#pages.damaged(`free page ${id} follows ${last}`);
      this.#mark(id, 'a free page');
      last = id;
      this.#freePages++;
    }
  }

  /** Visits a page of a bucket's tree, whose keys must lie from `low` on and below `high` where they are given. */
  async visitTree(id: number, low: Uint8Array | undefined, high: Uint8Array | undefined, depth: number): Promise<void> {
    this.#signal?.throwIfAborted();
    if (depth > MAX_DEPTH) throw this.#pages.damaged(`page ${id} is nested too deeply`);
    const span = await this.#pages.span(id);
    const [header, bytes] = [span.header, await this.#pages.bytes(span)];
    this.#markAll(id, header.overflow, `page ${id}`);
    if (header.flags !== PAGE_FLAG.branch) {
      await this.#visitLeaf(this.#pages.decode(decodeLeaf, bytes, id), `page ${id}`, low, high, depth);
      return;
    }
    const elements = this.#pages.decode(decodeBranch, bytes, id);
    this.#order(elements, `page ${id}`, low, high);
    for (const [i, { key, child }] of elements.entries()) {
      await this.visitTree(child, key, elements[i + 1]?.key ?? high, depth + 1);
    }
  }

  finish(): BboltCensus {
    const { highWater } = this.#pages.meta;
    for (let id = 0; id < highWater; id++) {
      if (!this.#isSeen(id)) throw this.#pages.damaged(`page ${id} is neither in use nor free`);
    }
    return { pages: highWater, freePages: this.#freePages, buckets: this.#buckets, values: this.#values };
  }

  async #visitLeaf(
    elements: readonly LeafElement[],
    place: string,
    low: Uint8Array | undefined,
    high: Uint8Array | undefined,
    depth: number,
  ): Promise<void> {
    if (low !== undefined && elements.length === 0) throw this.#pages.damaged(`${place} is an empty leaf`);
    this.#order(elements, place, low, high);
    const buckets = elements.filter((element) => element.isBucket).map((element) => element.value);
    this.#values += elements.length - buckets.length;
    this.#buckets += buckets.length;
    for (const value of buckets) await this.#visitBucket(value, place, depth + 1);
  }

  async #visitBucket(value: Uint8Array, place: string, depth: number): Promise<void> {
    if (depth > MAX_DEPTH) throw this.#pages.damaged(`a bucket of ${place} is nested too deeply`);
    const bucket = this.#pages.decode(decodeBucket, value, 0);
    if ('root' in bucket) return await this.visitTree(bucket.root, undefined, undefined, depth);
    const header = this.#pages.decode(decodeHeader, bucket.inline, 0);
    if (header.overflow !== 0) throw this.#pages.damaged(`an inline bucket of ${place} has overflow pages`);
    const elements = this.#pages.decode(decodeLeaf, bucket.inline, 0);
    await this.#visitLeaf(elements, `an inline bucket of ${place}`, undefined, undefined, depth);
  }

  #order(
    elements: readonly { readonly key: Uint8Array }[],
    place: string,
    low: Uint8Array | undefined,
    high: Uint8Array | undefined,
  ): void {
    let last: Uint8Array | undefined;
    for (const { key } of elements) {
      if (key.byteLength === 0) throw this.#pages.damaged(`${place} has an empty key`);
      if (last === undefined ? low !== undefined && Buffer.compare(key, low) < 0 : Buffer.compare(key, last) <= 0) {
        throw this.#pages.damaged(`${place} has keys out of order`);
      }
      last = key;
    }
    if (last !== undefined && high !== undefined && Buffer.compare(last, high) >= 0) {
      throw this.#pages.damaged(`${place} has a key that belongs to the page after it`);
    }
  }

  #markAll(id: number, overflow: number, what: string): void {
    for (let page = id; page <= id + overflow; page++) this.#mark(page, what);
  }

  #mark(id: number, what: string): void {
    if (id >= this.#pages.meta.highWater) throw this.#pages.damaged(`${what}: page ${id} lies outside the file`);
    if (this.#isSeen(id)) throw this.#pages.damaged(`${what}: page ${id} is in use twice`);
    this.#seen[id >> 3] = (this.#seen[id >> 3] ?? 0) | (1 << (id & 7));
  }

  #isSeen(id: number): boolean {
    return ((this.#seen[id >> 3] ?? 0) & (1 << (id & 7))) !== 0;
  }
}

/** The numbers of the free pages. */
function decodeFreelist(page: Uint8Array): number[] {
  const { flags, count } = decodeHeader(page);
  if (flags !== PAGE_FLAG.freelist) throw new DecodeError(`flags ${flags} where the free list should be`);
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  const isLong = count === 0xffff;
  if (isLong && page.byteLength < HEADER_SIZE + 8) throw new DecodeError('the free list ends within its count');
  const total = isLong ? Number(view.getBigUint64(HEADER_SIZE, true)) : count;
  const start = HEADER_SIZE + (isLong ? 8 : 0);
  if (start + 8 * total > page.byteLength) throw new DecodeError('the free list reaches beyond its page');
  return Array.from({ length: total }, (_, i) => Number(view.getBigUint64(start + 8 * i, true)));
}
