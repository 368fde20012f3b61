import { open } from 'node:fs/promises';
import { fileError } from '#core';
import { bboltLimits } from './format.ts';
import { type PageSink, PageWriter } from './page-writer.ts';
import { TreeWriter } from './tree-writer.ts';

/** A key and its value in a bucket, or a bucket by itself where it may be empty. */
export interface BboltEntry {
  /** Names of the buckets that lead to it, outermost first; one or more, since bbolt keeps values in buckets only. */
  readonly bucket: readonly Uint8Array[];
  readonly key?: Uint8Array;
  /** Needed where there is a key; may be empty. */
  readonly value?: Uint8Array;
  /**
   * Set if the key names a bucket that is one entry with all that it holds: how many values that is. `value` is then the
   * bucket as a reader gave it, who was asked for whole buckets.
   */
  readonly wholeOf?: number;
}

/** What was written. */
export interface BboltSummary {
  readonly pages: number;
  readonly sizeBytes: number;
}

/**
 * Writes a bbolt file (docs/formats/bbolt.md) from entries in order, in one pass, with no free pages. The same entries
 * give the same bytes, however they are cut into batches. Memory holds a batch and one page per level of the tree.
 *
 * Order is byte order of names and keys, in which a bucket stands by its name among the keys beside it and all of its
 * content follows at once. Batches may reuse memory once the next one is asked for.
 *
 * @param path a file that does not exist yet; it is no bbolt file until the promise is fulfilled
 * @throws TypeError for entries out of order, repeated, or with a key but no value; RangeError for a name, key or
 *   value beyond bboltLimits; CodedError ERR_EXPORT_DISK_FULL, ERR_EXPORT_NOT_WRITABLE, ERR_EXPORT_IO
 */
export async function writeBbolt(
  path: string,
  batches: AsyncIterable<readonly BboltEntry[]> | Iterable<readonly BboltEntry[]>,
): Promise<BboltSummary> {
  const file = await open(path, 'wx', 0o600).catch((error: unknown) => {
    throw fileError(error, path);
  });
  try {
    const pages = await writePages(file, batches);
    const sizeBytes = (await file.stat()).size;
    return { pages, sizeBytes };
  } catch (error) {
    throw error instanceof TypeError || error instanceof RangeError ? error : fileError(error, path);
  } finally {
    await file.close();
  }
}

/** Writes the pages of writeBbolt wherever they are to go. @returns how many there are */
export async function writePages(
  sink: PageSink,
  batches: AsyncIterable<readonly BboltEntry[]> | Iterable<readonly BboltEntry[]>,
): Promise<number> {
  const pages = new PageWriter(sink);
  const tree = new BucketStack(pages);
  for await (const batch of batches) {
    for (const entry of batch) tree.add(entry);
    tree.endBatch();
    await pages.flush();
  }
  await pages.finish(tree.finish());
  return pages.pageCount;
}

/** A copy of the last key of a bucket, in memory that is used again for the next one. */
class LastKey {
  #bytes = new Uint8Array(64);
  #size = 0;

  /** Empty before the first. */
  get key(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  set(key: Uint8Array): void {
    if (key.length > this.#bytes.length) this.#bytes = new Uint8Array(2 * key.length);
    const bytes = this.#bytes;
    for (let i = 0; i < key.length; i++) bytes[i] = key[i] as number;
    this.#size = key.length;
  }

  clear(): void {
    this.#size = 0;
  }

  /** Byte order: below 0 if the last key comes before this one. Keys are short: a loop is quicker than a call to C++. */
  compare(key: Uint8Array): number {
    const bytes = this.#bytes;
    const length = Math.min(this.#size, key.length);
    for (let i = 0; i < length; i++) {
      const difference = (bytes[i] as number) - (key[i] as number);
      if (difference !== 0) return difference;
    }
    return this.#size - key.length;
  }
}

/** The buckets that are open, the nameless root first; each has its tree and the last key that went into it. */
class BucketStack {
  readonly #pages: PageWriter;
  readonly #trees: TreeWriter[];
  readonly #lastKeys: LastKey[] = [new LastKey()];
  /** The path of the last entry of this batch: mostly the next one has the very same array. */
  #path: readonly Uint8Array[] | undefined;
  /** How many buckets are open beside the root. The name of each is the last key of the one around it. */
  #depth = 0;

  constructor(pages: PageWriter) {
    this.#pages = pages;
    this.#trees = [new TreeWriter(pages)];
  }

  add(entry: BboltEntry): void {
    if (entry.bucket !== this.#path) this.#moveTo(entry.bucket);
    if (entry.key === undefined) {
      if (entry.value !== undefined) throw new TypeError('a value without a key');
      return;
    }
    if (entry.value === undefined) throw new TypeError(`the key ${show(entry.key)} has no value`);
    if (entry.value.byteLength > bboltLimits.valueBytes) {
      throw new RangeError(`the value of ${show(entry.key)} has ${entry.value.byteLength} bytes, too many for bbolt`);
    }
    const depth = this.#depth;
    this.#claim(depth, entry.key);
    (this.#trees[depth] as TreeWriter).add(entry.key, entry.value, entry.wholeOf !== undefined);
  }

  /** Forgets what belongs to the caller. */
  endBatch(): void {
    this.#path = undefined;
  }

  /** Ends all buckets. @returns the number of the root's page */
  finish(): number {
    while (this.#depth > 0) this.#leave();
    return (this.#trees[0] as TreeWriter).finishRoot();
  }

  #moveTo(path: readonly Uint8Array[]): void {
    if (path.length === 0) throw new TypeError('bbolt holds values in buckets only: the bucket path is empty');
    let shared = 0;
    while (shared < path.length && shared < this.#depth && this.#isOpen(shared, path[shared] as Uint8Array)) shared++;
    while (this.#depth > shared) this.#leave();
    for (; shared < path.length; shared++) this.#enter(path[shared] as Uint8Array);
    this.#path = path;
  }

  #enter(name: Uint8Array): void {
    const depth = this.#depth++;
    this.#claim(depth, name);
    this.#lastKeys[depth + 1] ??= new LastKey();
    this.#lastKeys[depth + 1]?.clear();
    this.#trees[depth + 1] ??= new TreeWriter(this.#pages);
  }

  #leave(): void {
    const value = (this.#trees[this.#depth] as TreeWriter).finishBucket();
    const parent = --this.#depth;
    (this.#trees[parent] as TreeWriter).add((this.#lastKeys[parent] as LastKey).key, value, true);
  }

  /** Whether a bucket of that name is open at a depth. */
  #isOpen(depth: number, name: Uint8Array): boolean {
    return (this.#lastKeys[depth] as LastKey).compare(name) === 0;
  }

  /** Makes sure that `key` may come next in the bucket at `depth`. */
  #claim(depth: number, key: Uint8Array): void {
    if (key.byteLength === 0) throw new RangeError('bbolt does not allow empty keys');
    if (key.byteLength > bboltLimits.keyBytes) {
      throw new RangeError(`the key ${show(key)} has ${key.byteLength} bytes, more than ${bboltLimits.keyBytes}`);
    }
    const last = this.#lastKeys[depth] as LastKey;
    const order = last.compare(key);
    if (order === 0) throw new TypeError(`duplicate key ${show(key)} in ${this.#place(depth)}`);
    if (order > 0) throw new TypeError(`the key ${show(key)} comes after ${show(last.key)} in ${this.#place(depth)}`);
    last.set(key);
  }

  #place(depth: number): string {
    return depth === 0
      ? 'the root'
      : `the bucket ${this.#lastKeys
          .slice(0, depth)
          .map(({ key }) => show(key))
          .join(' / ')}`;
  }
}

/** A key for an error message, cut to a readable length. */
function show(key: Uint8Array): string {
  const text = Buffer.from(key.subarray(0, 80)).toString('utf8');
  return JSON.stringify(key.byteLength > 80 ? `${text}…` : text);
}
