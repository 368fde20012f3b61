import { BRANCH, BUCKET_FLAG, bboltLimits, HEADER_SIZE, LEAF, PAGE, PAGE_FLAG, PAGE_SIZE } from './format.ts';
import type { PageWriter } from './page-writer.ts';

/** A finished page as its parent will name it. */
interface Child {
  readonly firstKey: Uint8Array;
  readonly page: number;
}

/**
 * Writes one bucket's tree from the bottom up, then the next one's. Leaves leave as soon as they are full, branches
 * likewise, so what stays in memory is one leaf and, for each level of branches, one page of keys.
 */
export class TreeWriter {
  readonly #pages: PageWriter;
  readonly #leaf = new LeafDraft();
  #levels: BranchDraft[] = [];
  #hasBuckets = false;
  /** Of an inline bucket, what is not filled anew stays zero. */
  readonly #inline = inlineRoom();

  constructor(pages: PageWriter) {
    this.#pages = pages;
  }

  /** Adds an element; the caller has seen to the order. Key and value are copied. */
  add(key: Uint8Array, value: Uint8Array, isBucket: boolean): void {
    const size = HEADER_SIZE + key.byteLength + value.byteLength;
    if (this.#leaf.count > 0 && this.#leaf.size + size > PAGE_SIZE) this.#closeLeaf();
    this.#leaf.add(key, value, isBucket ? BUCKET_FLAG : 0);
    this.#hasBuckets ||= isBucket;
  }

  /**
   * Ends a bucket.
   *
   * @returns what stands for it in its parent: a page number, or all of it where it is small; in memory that the next
   *   bucket uses
   */
  finishBucket(): Uint8Array {
    const small = this.#levels.length === 0 && !this.#hasBuckets && this.#leaf.size <= bboltLimits.inlineBytes;
    if (!small) {
      const value = new Uint8Array(HEADER_SIZE);
      new DataView(value.buffer).setBigUint64(0, BigInt(this.finishRoot()), true);
      return value;
    }
    const { value, page, view } = this.#inline;
    const size = HEADER_SIZE + this.#leaf.size;
    view.setUint16(PAGE.flags, PAGE_FLAG.leaf, true);
    view.setUint16(PAGE.count, this.#leaf.count, true);
    this.#leaf.fill(page, view);
    this.#leaf.clear();
    return value.subarray(0, size);
  }

  /** Ends a tree. @returns the number of its root page */
  finishRoot(): number {
    const root = this.#levels.length === 0 ? this.#writeLeaf() : this.#closeLevels();
    this.#levels = [];
    this.#hasBuckets = false;
    return root;
  }

  #closeLevels(): number {
    if (this.#leaf.count > 0) this.#closeLeaf();
    for (let depth = 0; ; depth++) {
      const level = this.#levels[depth] as BranchDraft;
      const isTop = depth === this.#levels.length - 1;
      if (isTop && level.children.length === 1) return (level.children[0] as Child).page;
      if (level.children.length > 0) this.#closeBranch(depth);
    }
  }

  #closeLeaf(): void {
    const firstKey = this.#leaf.firstKey();
    this.#adopt({ firstKey, page: this.#writeLeaf() }, 0);
  }

  #writeLeaf(): number {
    const { count, size } = this.#leaf;
    const page = this.#pages.append(PAGE_FLAG.leaf, count, size, (bytes, view) => this.#leaf.fill(bytes, view));
    this.#leaf.clear();
    return page;
  }

  /** Puts a page under the branch at `depth`. A branch gets two children or more, or levels would never end. */
  #adopt(child: Child, depth: number): void {
    this.#levels[depth] ??= new BranchDraft();
    const level = this.#levels[depth];
    const size = HEADER_SIZE + child.firstKey.byteLength;
    if (level.children.length >= 2 && level.size + size > PAGE_SIZE) this.#closeBranch(depth);
    level.add(child);
  }

  #closeBranch(depth: number): void {
    const level = this.#levels[depth] as BranchDraft;
    const { firstKey } = level.children[0] as Child;
    const page = this.#pages.append(PAGE_FLAG.branch, level.children.length, level.size, (bytes, view) =>
      level.fill(bytes, view),
    );
    level.clear();
    this.#adopt({ firstKey, page }, depth + 1);
  }
}

function inlineRoom(): { readonly value: Uint8Array; readonly page: Uint8Array; readonly view: DataView } {
  const value = new Uint8Array(HEADER_SIZE + bboltLimits.inlineBytes);
  return { value, page: value.subarray(HEADER_SIZE), view: new DataView(value.buffer, HEADER_SIZE) };
}

/** Numbers that a draft holds of each element. */
const NUMBERS = 3;

/** Elements of a leaf before their number, and so their places, are known. */
class LeafDraft {
  count = 0;
  /** Flags, bytes of the key and bytes of the value of each; used again for the next leaf. */
  #numbers = new Uint32Array(64 * NUMBERS);
  #data = new Uint8Array(PAGE_SIZE);
  #dataSize = 0;

  /** Bytes of the page, header included. */
  get size(): number {
    return HEADER_SIZE * (1 + this.count) + this.#dataSize;
  }

  add(key: Uint8Array, value: Uint8Array, flags: number): void {
    const end = this.#dataSize + key.byteLength + value.byteLength;
    if (end > this.#data.byteLength) {
      const grown = new Uint8Array(end);
      grown.set(this.#data.subarray(0, this.#dataSize));
      this.#data = grown;
    }
    copyInto(this.#data, key, this.#dataSize);
    this.#data.set(value, this.#dataSize + key.byteLength);
    this.#dataSize = end;
    const at = NUMBERS * this.count++;
    if (at === this.#numbers.length) {
      const grown = new Uint32Array(2 * at);
      grown.set(this.#numbers);
      this.#numbers = grown;
    }
    this.#numbers[at] = flags;
    this.#numbers[at + 1] = key.byteLength;
    this.#numbers[at + 2] = value.byteLength;
  }

  /** A copy of the first key. */
  firstKey(): Uint8Array {
    return this.#data.slice(0, this.#numbers[1]);
  }

  fill(page: Uint8Array, view: DataView): void {
    const dataStart = HEADER_SIZE * (1 + this.count);
    let dataAt = dataStart;
    for (let i = 0; i < this.count; i++) {
      const at = HEADER_SIZE * (1 + i);
      const keySize = this.#numbers[NUMBERS * i + 1] as number;
      const valueSize = this.#numbers[NUMBERS * i + 2] as number;
      view.setUint32(at + LEAF.flags, this.#numbers[NUMBERS * i] as number, true);
      view.setUint32(at + LEAF.position, dataAt - at, true);
      view.setUint32(at + LEAF.keySize, keySize, true);
      view.setUint32(at + LEAF.valueSize, valueSize, true);
      dataAt += keySize + valueSize;
    }
    page.set(this.#data.subarray(0, this.#dataSize), dataStart);
  }

  clear(): void {
    this.count = 0;
    this.#dataSize = 0;
    // One huge value must not keep its room for the rest of the file.
    if (this.#data.byteLength > 64 * PAGE_SIZE) this.#data = new Uint8Array(PAGE_SIZE);
  }
}

class BranchDraft {
  children: Child[] = [];
  size = HEADER_SIZE;

  add(child: Child): void {
    this.children.push(child);
    this.size += HEADER_SIZE + child.firstKey.byteLength;
  }

  fill(page: Uint8Array, view: DataView): void {
    let keyAt = HEADER_SIZE * (1 + this.children.length);
    for (const [i, child] of this.children.entries()) {
      const at = HEADER_SIZE * (1 + i);
      view.setUint32(at + BRANCH.position, keyAt - at, true);
      view.setUint32(at + BRANCH.keySize, child.firstKey.byteLength, true);
      view.setBigUint64(at + BRANCH.child, BigInt(child.page), true);
      page.set(child.firstKey, keyAt);
      keyAt += child.firstKey.byteLength;
    }
  }

  clear(): void {
    this.children = [];
    this.size = HEADER_SIZE;
  }
}

/** Keys are short: a loop is quicker than a call to C++. */
function copyInto(target: Uint8Array, key: Uint8Array, at: number): void {
  if (key.length > 64) target.set(key, at);
  else for (let i = 0; i < key.length; i++) target[at + i] = key[i] as number;
}
