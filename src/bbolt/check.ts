import { isCoded } from '#core';
import { type BboltFault, PageFault } from './damage.ts';
import {
  type BranchElement,
  decodeBranch,
  decodeBucket,
  decodeFreelist,
  decodeHeader,
  decodeLeaf,
  decodePageNumbers,
  PAGE_NUMBER_SIZE,
} from './decode.ts';
import { PAGE_FLAG } from './format.ts';
import { KeyOrder } from './key-order.ts';
import { readPlaces, WHOLE_PAGE } from './nodes.ts';
import { PageReader, type PageSpan } from './page-reader.ts';
import { PageSet } from './page-set.ts';
import { MAX_DEPTH } from './walk.ts';

/** How a file is checked. */
export interface BboltCheckOptions {
  /** Faults after which it stops; 100 where it is absent. */
  readonly maxFaults?: number;
  /** Asked at each page. */
  readonly signal?: AbortSignal | undefined;
}

/** What a check has found. */
export interface BboltCheck {
  /** Empty for a valid file. */
  readonly faults: readonly BboltFault[];
  /** Whether it stopped at the limit of faults. */
  readonly isStopped: boolean;
  readonly pages: number;
  readonly freePages: number;
  /** Those that were reached, as values. */
  readonly buckets: number;
  readonly values: number;
}

/**
 * Checks the structure of a bbolt file: both metas, the free list, and that each page below the high-water mark is in use
 * once or free, not both; that pages are of the kind that their place asks for; that keys ascend within pages, between
 * siblings and from parent to child, in inline buckets too. It refuses whatever `bbolt check` refuses. Values of keys
 * carry no checksum: no check finds a change in them. Memory: two bits a page.
 *
 * @throws CodedError as fileError where the file cannot be read
 */
export async function checkBbolt(path: string, options: BboltCheckOptions = {}): Promise<BboltCheck> {
  const faults: BboltFault[] = [];
  try {
    const pages = await PageReader.open(path, options);
    try {
      return await new Checker(pages, faults, options.maxFaults ?? 100).check();
    } finally {
      await pages.close();
    }
  } catch (error) {
    if (!isCoded(error) || error.code !== 'ERR_EXPORT_CONTENT_MISMATCH') throw error;
    faults.push({ page: undefined, problem: String(error.details['problem']) });
    return { faults, isStopped: false, pages: 0, freePages: 0, buckets: 0, values: 0 };
  }
}

/** Bytes of a free list that are read at a time. */
const FREELIST_PART = 64 * 1024;

/** What a page may hold, by its parent: keys from `low` on, and below `high`. */
interface Bounds {
  readonly low: Uint8Array | undefined;
  readonly high: Uint8Array | undefined;
  /** Whether it is of the root, which holds buckets only. */
  readonly isRoot: boolean;
}

const ANY: Bounds = { low: undefined, high: undefined, isRoot: false };

/** Thrown once there are enough faults. */
const STOP = new Error('enough faults');

class Checker {
  readonly #pages: PageReader;
  readonly #faults: BboltFault[];
  readonly #maxFaults: number;
  readonly #used: PageSet;
  readonly #free: PageSet;
  #freePages = 0;
  #buckets = 0;
  #values = 0;

  constructor(pages: PageReader, faults: BboltFault[], maxFaults: number) {
    this.#pages = pages;
    this.#faults = faults;
    this.#maxFaults = maxFaults;
    this.#used = new PageSet(pages.meta.highWater);
    this.#free = new PageSet(pages.meta.highWater);
  }

  async check(): Promise<BboltCheck> {
    let isStopped = false;
    try {
      for (const id of [0, 1]) await this.#noting(() => this.#checkMeta(id));
      await this.#noting(() => this.#checkFreelist());
      await this.#noting(() => this.#visitPage(this.#pages.meta.root, { ...ANY, isRoot: true }, 0));
      this.#checkUse();
    } catch (error) {
      if (error !== STOP) throw error;
      isStopped = true;
    }
    const { highWater: pages } = this.#pages.meta;
    const [freePages, buckets, values] = [this.#freePages, this.#buckets, this.#values];
    return { faults: this.#faults, isStopped, pages, freePages, buckets, values };
  }

  /** Goes on after a fault. */
  async #noting(part: () => Promise<void>): Promise<void> {
    try {
      await part();
    } catch (error) {
      if (!(error instanceof PageFault)) throw error;
      this.#note(error.page, error.problem);
    }
  }

  #note(page: number, problem: string): void {
    if (this.#faults.length >= this.#maxFaults) throw STOP;
    this.#faults.push({ page, problem });
  }

  /** Of the meta that is not used, too, the header must be valid. */
  async #checkMeta(page: number): Promise<void> {
    this.#used.add(page);
    const { id, flags } = await this.#pages.header(page);
    if (id !== page) throw new PageFault(page, `has the id ${id}`);
    if (flags !== PAGE_FLAG.meta) throw new PageFault(page, `has flags ${flags} where a meta should be`);
  }

  async #checkFreelist(): Promise<void> {
    const { freelist, highWater } = this.#pages.meta;
    if (freelist === undefined) return;
    const span = await this.#pages.span(freelist);
    this.#use(span);
    const { count, start } = this.#pages.decode(decodeFreelist, span.first, freelist);
    const end = start + count * PAGE_NUMBER_SIZE;
    if (end > span.sizeBytes) throw new PageFault(freelist, `has ${count} free pages, more than fit into it`);
    for (let at = start; at < end; at += FREELIST_PART) {
      const part = await this.#pages.bytes(span, at, Math.min(at + FREELIST_PART, end));
      for (const id of this.#pages.decode(decodePageNumbers, part, freelist)) {
        if (id < 2 || id >= highWater) this.#note(id, 'is in the free list but lies outside the tree');
        else if (!this.#free.add(id)) this.#note(id, 'is in the free list twice');
        else this.#freePages++;
      }
    }
  }

  /** Visits a page of a bucket's tree. Depth counts pages and buckets from the root. */
  async #visitPage(id: number, bounds: Bounds, depth: number): Promise<void> {
    if (depth > MAX_DEPTH) throw new PageFault(id, 'is nested too deeply');
    const span = await this.#pages.span(id);
    const { flags } = span.header;
    if (flags !== PAGE_FLAG.branch && flags !== PAGE_FLAG.leaf) {
      throw new PageFault(id, `has flags ${flags} where a leaf or branch should be`);
    }
    this.#use(span);
    if (flags === PAGE_FLAG.leaf) return await this.#visitLeaf(span, bounds, depth);
    if (span.sizeBytes > WHOLE_PAGE) throw new PageFault(id, `is a branch of ${span.sizeBytes} bytes`);
    await this.#visitBranch(id, this.#pages.decode(decodeBranch, await this.#pages.bytes(span), id), bounds, depth);
  }

  async #visitBranch(id: number, children: readonly BranchElement[], bounds: Bounds, depth: number): Promise<void> {
    const order = new KeyOrder(bounds.low, bounds.high);
    const problem = children.map(({ key }) => order.take(key)).find((each) => each !== undefined) ?? order.end();
    if (problem !== undefined) this.#note(id, problem);
    for (const [i, { key, child }] of children.entries()) {
      const high = children[i + 1]?.key ?? bounds.high;
      // Where the branch is out of order, its keys tell nothing about its children.
      const within = problem === undefined ? { ...bounds, low: key, high } : { ...ANY, isRoot: bounds.isRoot };
      await this.#noting(() => this.#visitPage(child, within, depth + 1));
    }
  }

  async #visitLeaf(span: PageSpan, bounds: Bounds, depth: number): Promise<void> {
    const { id, header } = span;
    if (bounds.low !== undefined && header.count === 0) throw new PageFault(id, 'is an empty leaf');
    const order = new KeyOrder(bounds.low, bounds.high);
    if (span.sizeBytes <= WHOLE_PAGE) {
      for (const { key, value, isBucket } of this.#pages.decode(decodeLeaf, await this.#pages.bytes(span), id)) {
        this.#takeKey(id, order, key);
        if (isBucket) await this.#noting(() => this.#visitBucket(id, value, depth + 1));
        else this.#takeValue(id, bounds);
      }
    } else await this.#visitLargeLeaf(span, order, bounds, depth);
    const problem = order.end();
    if (problem !== undefined) this.#note(id, problem);
  }

  /** Of a leaf that memory is not meant to hold, keys and buckets are read, values are not. */
  async #visitLargeLeaf(span: PageSpan, order: KeyOrder, bounds: Bounds, depth: number): Promise<void> {
    for (const { start, keyEnd, end, isBucket } of await readPlaces(this.#pages, span)) {
      const key = keyEnd - start > WHOLE_PAGE ? undefined : await this.#pages.bytes(span, start, keyEnd);
      if (key === undefined) this.#note(span.id, `has a key of ${keyEnd - start} bytes`);
      else this.#takeKey(span.id, order, key);
      if (!isBucket) this.#takeValue(span.id, bounds);
      else if (end - keyEnd > WHOLE_PAGE) this.#note(span.id, `has an inline bucket of ${end - keyEnd} bytes`);
      else {
        const value = await this.#pages.bytes(span, keyEnd, end);
        await this.#noting(() => this.#visitBucket(span.id, value, depth + 1));
      }
    }
  }

  #takeKey(id: number, order: KeyOrder, key: Uint8Array): void {
    const problem = order.take(key);
    if (problem !== undefined) this.#note(id, problem);
  }

  #takeValue(id: number, { isRoot }: Bounds): void {
    this.#values++;
    if (isRoot) this.#note(id, 'has a value outside all buckets');
  }

  async #visitBucket(id: number, value: Uint8Array, depth: number): Promise<void> {
    this.#buckets++;
    const bucket = this.#pages.decode(decodeBucket, value, id);
    if ('root' in bucket) return await this.#visitPage(bucket.root, ANY, depth);
    this.#visitInline(id, bucket.inline);
  }

  #visitInline(id: number, page: Uint8Array): void {
    const within = 'has an inline bucket that ';
    const header = this.#pages.decode(decodeHeader, page, id, within);
    if (header.id !== 0) throw new PageFault(id, `${within}has the id ${header.id}`);
    if (header.overflow !== 0) throw new PageFault(id, `${within}has overflow pages`);
    const order = new KeyOrder(undefined, undefined);
    for (const { key, isBucket } of this.#pages.decode(decodeLeaf, page, id, within)) {
      const problem = isBucket ? 'has a bucket in it' : order.take(key);
      if (problem !== undefined) throw new PageFault(id, within + problem);
      this.#values++;
    }
  }

  #use({ id, header }: PageSpan): void {
    for (let page = id; page <= id + header.overflow; page++) {
      if (!this.#used.add(page)) throw new PageFault(page, 'is in use twice');
    }
  }

  /** Each page is in use or free, not both; without a free list, those that are not in use are free. */
  #checkUse(): void {
    const { freelist, highWater } = this.#pages.meta;
    for (let page = 0; page < highWater; page++) {
      const [used, free] = [this.#used.has(page), this.#free.has(page)];
      if (used && free) this.#note(page, 'is in use and in the free list');
      if (used || free) continue;
      let last = page;
      while (last + 1 < highWater && !this.#used.has(last + 1) && !this.#free.has(last + 1)) last++;
      if (freelist === undefined) this.#freePages += last - page + 1;
      else this.#note(page, `${last > page ? `to page ${last} are` : 'is'} neither in use nor free`);
      page = last;
    }
  }
}
