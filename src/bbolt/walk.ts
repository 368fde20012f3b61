import { compareBytes } from '#core';
import { PageFault } from './damage.ts';
import { type BranchElement, decodeBucket, type LeafElement } from './decode.ts';
import { bboltLimits } from './format.ts';
import { countWhole } from './inline.ts';
import { inlineNode, type Leaf, type Node, readNode } from './nodes.ts';
import type { PageReader } from './page-reader.ts';
import { PageSet } from './page-set.ts';
import type { BboltEntry } from './writer.ts';

/** Deeper than pages and buckets of any file that is of use. */
export const MAX_DEPTH = 128;

const BATCH_ENTRIES = 250;
const BATCH_BYTES = 1024 * 1024;

/** A page of a tree or an inline bucket, by which errors name it. */
export interface NodeAt {
  readonly node: Node;
  readonly page: number;
}

/** A bucket that is being read. */
interface OpenBucket {
  readonly path: readonly Uint8Array[];
  last: Uint8Array | undefined;
}

/** A node that is being read, and how far. */
interface Place extends NodeAt {
  readonly bucket: OpenBucket;
  at: number;
}

type Step = BboltEntry | undefined;

/** What a walk visits. */
export interface WalkOptions {
  /** Names of the buckets that lead to where it begins. */
  readonly path: readonly Uint8Array[];
  /** The first key, or the one after it where it is not there. */
  readonly from?: Uint8Array | undefined;
  /** Whether it enters buckets; otherwise such a bucket is an entry without a value. */
  readonly deep: boolean;
  /** Whether a bucket may be one entry; never a root bucket, since values are in buckets only. */
  readonly whole?: boolean | undefined;
}

/**
 * Reads what is in a bucket, in order. Each page is read once, keys must ascend. Memory: one page for each level. Its
 * methods throw PageFault.
 */
export class Walk {
  readonly #pages: PageReader;
  readonly #options: WalkOptions;
  readonly #seen: PageSet;
  readonly #places: Place[] = [];

  constructor(pages: PageReader, options: WalkOptions) {
    this.#pages = pages;
    this.#options = options;
    this.#seen = new PageSet(pages.meta.highWater);
  }

  /** @param root where the bucket of the path begins */
  async *batches(root: NodeAt): AsyncGenerator<readonly BboltEntry[]> {
    const { path, from } = this.#options;
    this.#push(root, { path, last: undefined });
    if (from !== undefined) await this.#seek(from);
    let [batch, bytes]: [BboltEntry[], number] = [[], 0];
    for (let place = this.#places.at(-1); place !== undefined; place = this.#places.at(-1)) {
      const step = this.#step(place);
      const entry = step instanceof Promise ? await step : step;
      if (entry === undefined) continue;
      batch.push(entry);
      bytes += (entry.key?.byteLength ?? 0) + (entry.value?.byteLength ?? 0);
      if (batch.length < BATCH_ENTRIES && bytes < BATCH_BYTES) continue;
      yield batch;
      [batch, bytes] = [[], 0];
    }
    yield batch;
  }

  /** Reads a page of a tree that was not read before. */
  async read(id: number): Promise<NodeAt> {
    const span = await this.#pages.span(id);
    for (let page = id; page <= id + span.header.overflow; page++) {
      if (!this.#seen.add(page)) throw new PageFault(page, 'is in use twice');
    }
    return { node: await readNode(this.#pages, span), page: id };
  }

  #step(place: Place): Step | Promise<Step> {
    const at = place.at++;
    if ('branch' in place.node) {
      const child = place.node.branch[at];
      return child === undefined ? this.#leave() : this.#descend(child, place);
    }
    if (at >= place.node.leaf.count) return this.#leave();
    const element = place.node.leaf.at(at);
    return element instanceof Promise
      ? element.then((found) => this.#visit(place, found))
      : this.#visit(place, element);
  }

  #leave(): undefined {
    this.#places.pop();
  }

  async #descend(child: BranchElement, { bucket }: Place): Promise<undefined> {
    this.#push(await this.read(child.child), bucket);
  }

  #visit({ bucket, page }: Place, { key, value, isBucket }: LeafElement): Step | Promise<Step> {
    if (bucket.last !== undefined && compareBytes(bucket.last, key) >= 0) {
      throw new PageFault(page, 'has keys out of order');
    }
    if (key.byteLength === 0) throw new PageFault(page, 'has an empty key');
    if (key.byteLength > bboltLimits.keyBytes) {
      throw new PageFault(page, `has a key of ${key.byteLength} bytes`);
    }
    if (!isBucket && bucket.path.length === 0) throw new PageFault(page, 'has a value outside all buckets');
    bucket.last = key;
    if (!isBucket) return { bucket: bucket.path, key, value };
    if (!this.#options.deep) return { bucket: bucket.path, key };
    const wholeOf = this.#options.whole === true && bucket.path.length > 0 ? countWhole(value) : undefined;
    if (wholeOf !== undefined) return { bucket: bucket.path, key, value, wholeOf };
    const path = [...bucket.path, key];
    const place = this.#pages.decode(decodeBucket, value, page);
    if ('inline' in place) return this.#enter({ node: inlineNode(this.#pages, place.inline, page), page }, path);
    return this.read(place.root).then((root) => this.#enter(root, path));
  }

  /** An empty bucket is an entry of its own. */
  #enter(root: NodeAt, path: readonly Uint8Array[]): Step {
    if ('leaf' in root.node && root.node.leaf.count === 0) return { bucket: path };
    this.#push(root, { path, last: undefined });
    return undefined;
  }

  #push(from: NodeAt, bucket: OpenBucket): void {
    if (this.#places.length >= MAX_DEPTH) throw new PageFault(from.page, 'is nested too deeply');
    this.#places.push({ node: from.node, page: from.page, bucket, at: 0 });
  }

  /** Goes to the first key that does not come before `from`. */
  async #seek(from: Uint8Array): Promise<void> {
    for (let place = this.#places.at(-1) as Place; ; place = this.#places.at(-1) as Place) {
      if ('leaf' in place.node) {
        place.at = await lowerBound(place.node.leaf, from);
        return;
      }
      const child = childFor(place.node.branch, from);
      place.at = child + 1;
      await this.#descend(place.node.branch[child] as BranchElement, place);
    }
  }
}

/** The place of the child below which a key stands if it stands anywhere. */
function childFor(branch: readonly BranchElement[], key: Uint8Array): number {
  return Math.max(
    0,
    branch.findLastIndex((element) => compareBytes(element.key, key) <= 0),
  );
}

async function lowerBound(leaf: Leaf, key: Uint8Array): Promise<number> {
  for (let i = 0; i < leaf.count; i++) if (compareBytes((await leaf.at(i)).key, key) >= 0) return i;
  return leaf.count;
}
