import { findBucket, findKey } from './lookup.ts';
import { inlineNode, type Node, readNode } from './nodes.ts';
import { PageReader, type PageReaderOptions } from './page-reader.ts';
import { type NodeAt, Walk, type WalkOptions } from './walk.ts';
import type { BboltEntry } from './writer.ts';

/** Where reading begins; without anything, at the beginning of the file. */
export interface BboltStart {
  /** Names of the buckets that lead there, outermost first. */
  readonly bucket?: readonly Uint8Array[];
  /** The first key of that bucket that is wanted; if it is not there, the next one. */
  readonly from?: Uint8Array;
  /**
   * Gives each bucket that writeBbolt would write in its parent, byte for byte the same, as one entry (`wholeOf`); most
   * buckets of a trivy.db are so. The others come entry by entry.
   */
  readonly whole?: boolean;
}

/** What is directly in a bucket: a key with its value, or the name of a bucket. */
export interface BboltElement {
  readonly key: Uint8Array;
  /** Undefined for a bucket. */
  readonly value: Uint8Array | undefined;
}

/** What is in a bucket, at all depths. */
export interface BboltCount {
  readonly buckets: number;
  readonly values: number;
}

/** A bucket by its name. */
export interface BboltBucket extends BboltCount {
  readonly name: Uint8Array;
}

/**
 * A bbolt file of any size, open for reading. It trusts no number in the file: whatever the file holds, reading ends, in
 * time linear to the file and in flat memory. Keys come in ascending order, or reading fails.
 */
export class BboltFile {
  readonly #pages: PageReader;

  private constructor(pages: PageReader) {
    this.#pages = pages;
  }

  /** @throws CodedError ERR_EXPORT_CONTENT_MISMATCH for no bbolt file; ERR_EXPORT_NOT_FOUND, ERR_EXPORT_IO … */
  static async open(path: string, options?: PageReaderOptions): Promise<BboltFile> {
    return new BboltFile(await PageReader.open(path, options));
  }

  /** By which errors name it: its path, or what whoever opened it said. */
  get name(): string {
    return this.#pages.name;
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
   * @throws CodedError ERR_EXPORT_CONTENT_MISMATCH where the file is damaged; ERR_EXPORT_TOO_LARGE for a value that
   *   memory is not meant to hold
   */
  async *entries(start?: BboltStart): AsyncGenerator<BboltEntry> {
    for await (const batch of this.batches(start)) {
      for (const { bucket, key, value } of batch) {
        if (key === undefined || value === undefined) yield { bucket: bucket.map(copyOf) };
        else yield { bucket: bucket.map(copyOf), key: copyOf(key), value: copyOf(value) };
      }
    }
  }

  /**
   * The same as `entries`, up to some hundred at a time, in memory that is shared with the reader: do not change it. Entries
   * of one bucket have the same array of names.
   */
  async *batches({ bucket = [], from, whole }: BboltStart = {}): AsyncGenerator<readonly BboltEntry[]> {
    yield* this.#walk({ path: bucket, from, deep: true, whole });
  }

  /**
   * What is directly in a bucket, from a key on, up to some hundred at a time, in shared memory; without names, what is in
   * the root. Nothing if the bucket does not exist.
   *
   * @throws CodedError as entries
   */
  async *elements(bucket: readonly Uint8Array[], from?: Uint8Array): AsyncGenerator<readonly BboltElement[]> {
    for await (const batch of this.#walk({ path: bucket, from, deep: false })) {
      yield batch.map(({ key, value }) => ({ key: key as Uint8Array, value }));
    }
  }

  /** The buckets directly in a bucket, and what each holds at all depths. @throws CodedError as entries */
  async *buckets(bucket: readonly Uint8Array[] = []): AsyncGenerator<BboltBucket> {
    for await (const batch of this.elements(bucket)) {
      for (const { key, value } of batch) {
        if (value !== undefined) continue;
        const name = copyOf(key);
        yield { name, ...(await this.count([...bucket, name])) };
      }
    }
  }

  /** Counts what a bucket holds at all depths; nothing if the bucket does not exist. @throws CodedError as entries */
  async count(bucket: readonly Uint8Array[]): Promise<BboltCount> {
    let [buckets, values] = [0, 0];
    let path: readonly Uint8Array[] = bucket;
    for await (const batch of this.batches({ bucket })) {
      for (const entry of batch) {
        if (entry.key !== undefined) values++;
        if (entry.bucket === path) continue;
        buckets += opened(path, entry.bucket, bucket.length);
        path = entry.bucket;
      }
    }
    return { buckets, values };
  }

  /**
   * The value of a key in the bucket that the path names; undefined if there is no such bucket or key, or where
   * the key names a bucket.
   */
  async get(bucket: readonly Uint8Array[], key: Uint8Array): Promise<Uint8Array | undefined> {
    try {
      const place = await findBucket(this.#pages, bucket);
      const found = place && (await findKey(this.#pages, place, key));
      return found === undefined || found.isBucket ? undefined : copyOf(found.value);
    } catch (error) {
      throw this.#pages.coded(error);
    }
  }

  async *#walk(options: WalkOptions): AsyncGenerator<readonly BboltEntry[]> {
    try {
      const root = await this.#bucketAt(options.path);
      if (root === undefined) return;
      if (options.deep && options.path.length > 0 && isEmpty(root.node)) yield [{ bucket: options.path }];
      else yield* new Walk(this.#pages, options).batches(root);
    } catch (error) {
      throw this.#pages.coded(error);
    }
  }

  /** The page or the inline bucket where a bucket begins. */
  async #bucketAt(path: readonly Uint8Array[]): Promise<NodeAt | undefined> {
    const place = await findBucket(this.#pages, path);
    if (place === undefined) return undefined;
    if ('span' in place) return { node: await readNode(this.#pages, place.span), page: place.span.id };
    return { node: inlineNode(this.#pages, place.inline, place.page), page: place.page };
  }
}

/** How many buckets begin between two entries that follow each other. */
function opened(before: readonly Uint8Array[], after: readonly Uint8Array[], depth: number): number {
  let shared = depth;
  while (shared < before.length && shared < after.length && before[shared] === after[shared]) shared++;
  return after.length - shared;
}

function isEmpty(node: Node): boolean {
  return 'leaf' in node && node.leaf.count === 0;
}

function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
