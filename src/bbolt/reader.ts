import { type BranchElement, decodeBranch, decodeBucket, decodeLeaf, type LeafElement } from './decode.ts';
import { PAGE_FLAG } from './format.ts';
import { PageReader, type PageReaderOptions } from './page-reader.ts';
import type { BboltEntry } from './writer.ts';

/** Deeper than any tree of pages or nest of buckets that fits into a file; what exceeds it goes in circles. */
const MAX_DEPTH = 64;

const BATCH_ENTRIES = 1000;

type Node = { readonly leaf: LeafElement[] } | { readonly branch: BranchElement[] };

/** A page or an inline bucket that is being read, and how far. */
interface Place {
  readonly bucket: readonly Uint8Array[];
  readonly children: readonly BranchElement[];
  readonly elements: readonly LeafElement[];
  at: number;
}

/** A bbolt file of 4096-byte pages, open for reading. It trusts no number in the file, but checks no order: see check. */
export class BboltFile {
  readonly #pages: PageReader;

  private constructor(pages: PageReader) {
    this.#pages = pages;
  }

  /** @throws CodedError ERR_EXPORT_CONTENT_MISMATCH for no bbolt file; ERR_EXPORT_NOT_FOUND, ERR_EXPORT_IO … */
  static async open(path: string, options?: PageReaderOptions): Promise<BboltFile> {
    return new BboltFile(await PageReader.open(path, options));
  }

  async close(): Promise<void> {
    await this.#pages.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * All content, in the order and form in which writeBbolt takes it: an empty bucket is an entry without a key.
   *
   * @throws CodedError ERR_EXPORT_CONTENT_MISMATCH where the file is damaged
   */
  async *entries(): AsyncGenerator<BboltEntry> {
    for await (const batch of this.batches()) {
      for (const { bucket, key, value } of batch) {
        if (key === undefined || value === undefined) yield { bucket: bucket.map(copyOf) };
        else yield { bucket: bucket.map(copyOf), key: copyOf(key), value: copyOf(value) };
      }
    }
  }

  /** The same as `entries`, a thousand at a time, in memory that is shared with the reader: do not change it. */
  async *batches(): AsyncGenerator<readonly BboltEntry[]> {
    let batch: BboltEntry[] = [];
    const places: Place[] = [placeOf(await this.#node(this.#pages.meta.root), [])];
    for (let place = places.at(-1); place !== undefined; place = places.at(-1)) {
      if (places.length > 2 * MAX_DEPTH) throw this.#pages.damaged('pages or buckets form a cycle');
      const next = place.at++;
      const [child, element] = [place.children[next], place.elements[next]];
      if (child !== undefined) places.push(placeOf(await this.#node(child.child), place.bucket));
      else if (element === undefined) places.pop();
      else if (element.isBucket) {
        const inside = placeOf(await this.#contentOf(element.value), [...place.bucket, element.key]);
        if (inside.children.length + inside.elements.length > 0) places.push(inside);
        else batch.push({ bucket: inside.bucket });
      } else batch.push({ bucket: place.bucket, key: element.key, value: element.value });
      if (batch.length < BATCH_ENTRIES) continue;
      yield batch;
      batch = [];
    }
    yield batch;
  }

  /**
   * The value of a key in the bucket that the path names; undefined if there is no such bucket or key, or where
   * the key names a bucket.
   */
  async get(bucket: readonly Uint8Array[], key: Uint8Array): Promise<Uint8Array | undefined> {
    let elements = await this.#find(this.#pages.meta.root, bucket[0] ?? key);
    for (const [i, name] of bucket.entries()) {
      const found = elements.find((element) => element.isBucket && equal(element.key, name));
      if (found === undefined) return undefined;
      const place = this.#pages.decode(decodeBucket, found.value, 0);
      elements =
        'root' in place
          ? await this.#find(place.root, bucket[i + 1] ?? key)
          : this.#pages.decode(decodeLeaf, place.inline, 0);
    }
    return elements.find((element) => !element.isBucket && equal(element.key, key))?.value.slice();
  }

  async #contentOf(value: Uint8Array): Promise<Node> {
    const place = this.#pages.decode(decodeBucket, value, 0);
    return 'root' in place ? this.#node(place.root) : { leaf: this.#pages.decode(decodeLeaf, place.inline, 0) };
  }

  /** The leaf in which `key` stands, if it stands anywhere in the tree. */
  async #find(root: number, key: Uint8Array): Promise<LeafElement[]> {
    let id = root;
    for (let depth = 0; depth <= MAX_DEPTH; depth++) {
      const node = await this.#node(id);
      if ('leaf' in node) return node.leaf;
      id = (node.branch.findLast((element) => Buffer.compare(element.key, key) <= 0) ?? first(node.branch)).child;
    }
    throw this.#pages.damaged('pages form a cycle');
  }

  async #node(id: number): Promise<Node> {
    const { header, bytes } = await this.#pages.page(id);
    if (header.flags === PAGE_FLAG.branch) return { branch: this.#pages.decode(decodeBranch, bytes, id) };
    return { leaf: this.#pages.decode(decodeLeaf, bytes, id) };
  }
}

function first(branch: readonly BranchElement[]): BranchElement {
  return branch[0] as BranchElement;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function placeOf(node: Node, bucket: readonly Uint8Array[]): Place {
  return 'leaf' in node
    ? { bucket, children: [], elements: node.leaf, at: 0 }
    : { bucket, children: node.branch, elements: [], at: 0 };
}

function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
