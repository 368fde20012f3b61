import { type BranchElement, decodeBranch, decodeBucket, decodeLeaf, type LeafElement } from './decode.ts';
import { PAGE_FLAG } from './format.ts';
import { PageReader } from './page-reader.ts';
import type { BboltEntry } from './writer.ts';

/** Deeper than any tree of pages or nest of buckets that fits into a file; what exceeds it goes in circles. */
const MAX_DEPTH = 64;

/** A bbolt file of 4096-byte pages, open for reading. It trusts no number in the file, but checks no order: see check. */
export class BboltFile {
  readonly #pages: PageReader;

  private constructor(pages: PageReader) {
    this.#pages = pages;
  }

  /** @throws CodedError ERR_EXPORT_CONTENT_MISMATCH for no bbolt file; ERR_EXPORT_NOT_FOUND, ERR_EXPORT_IO … */
  static async open(path: string): Promise<BboltFile> {
    return new BboltFile(await PageReader.open(path));
  }

  async close(): Promise<void> {
    await this.#pages.close();
  }

  /**
   * All content, in the order and form in which writeBbolt takes it: an empty bucket is an entry without a key.
   *
   * @throws CodedError ERR_EXPORT_CONTENT_MISMATCH where the file is damaged
   */
  async *entries(): AsyncGenerator<BboltEntry> {
    yield* this.#walk(this.#leaves(this.#pages.meta.root, 0), []);
  }

  /**
   * The value of a key in the bucket that the path names; undefined where there is no such bucket or key, or where
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

  async *#walk(leaves: AsyncIterable<LeafElement[]>, bucket: readonly Uint8Array[]): AsyncGenerator<BboltEntry> {
    if (bucket.length > MAX_DEPTH) throw this.#pages.damaged('buckets go in circles');
    let isEmpty = true;
    for await (const elements of leaves) {
      for (const { key, value, isBucket } of elements) {
        isEmpty = false;
        if (isBucket) yield* this.#walk(this.#content(value), [...bucket, key.slice()]);
        else yield { bucket, key: key.slice(), value: value.slice() };
      }
    }
    if (isEmpty && bucket.length > 0) yield { bucket };
  }

  async *#content(value: Uint8Array): AsyncGenerator<LeafElement[]> {
    const place = this.#pages.decode(decodeBucket, value, 0);
    if ('root' in place) yield* this.#leaves(place.root, 0);
    else yield this.#pages.decode(decodeLeaf, place.inline, 0);
  }

  /** The leaves of a tree of pages, left to right. */
  async *#leaves(id: number, depth: number): AsyncGenerator<LeafElement[]> {
    if (depth > MAX_DEPTH) throw this.#pages.damaged('pages go in circles');
    const node = await this.#node(id);
    if ('leaf' in node) yield node.leaf;
    else for (const { child } of node.branch) yield* this.#leaves(child, depth + 1);
  }

  /** The leaf in which `key` stands, if it stands anywhere in the tree. */
  async #find(root: number, key: Uint8Array): Promise<LeafElement[]> {
    let id = root;
    for (let depth = 0; depth <= MAX_DEPTH; depth++) {
      const node = await this.#node(id);
      if ('leaf' in node) return node.leaf;
      id = (node.branch.findLast((element) => Buffer.compare(element.key, key) <= 0) ?? first(node.branch)).child;
    }
    throw this.#pages.damaged('pages go in circles');
  }

  async #node(id: number): Promise<{ leaf: LeafElement[] } | { branch: BranchElement[] }> {
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
