import { type BboltEntry, entriesOfWhole } from '#bbolt';
import { compareBytes } from '#core';

/** Entries in the order of writeBbolt, some at a time; a batch is valid until the next one is asked for. */
export type EntryBatches = AsyncIterable<readonly BboltEntry[]>;

/** Stands on one entry after the other. Nothing has to be awaited but between batches. */
export class EntryCursor {
  readonly #batches: AsyncIterator<readonly BboltEntry[]>;
  #batch: readonly BboltEntry[] = [];
  #at = 0;

  constructor(batches: EntryBatches) {
    this.#batches = batches[Symbol.asyncIterator]();
  }

  /** The entry that it stands on; undefined between batches and at the end. */
  get entry(): BboltEntry | undefined {
    return this.#batch[this.#at];
  }

  /** The entry that it stands on, and those behind it in its batch. */
  get rest(): readonly BboltEntry[] {
    return this.#batch.slice(this.#at);
  }

  /** Goes to the next entry. @returns false where the batch has ended: call `fill` */
  step(): boolean {
    this.#at++;
    return this.#at < this.#batch.length;
  }

  /** Goes to the first entry of the next batch, or to the end. What came before is not valid any more. */
  async fill(): Promise<void> {
    for (;;) {
      const { done, value } = await this.#batches.next();
      [this.#batch, this.#at] = [done === true ? [] : value, 0];
      if (done === true || value.length > 0) return;
    }
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }
}

/** An advisory in a root bucket. */
export interface AdvisoryRow {
  readonly package: Uint8Array;
  readonly id: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * Stands on one advisory of a root bucket after the other. Values without content are passed over, as by Trivy. Whole
 * buckets among the entries are opened where it stands on them.
 */
export class AdvisoryCursor {
  readonly root: string;
  readonly #cursor: EntryCursor;
  /** What is left of a whole bucket. */
  #opened: readonly BboltEntry[] = [];
  #at = 0;
  /** Undefined at the end, and before the first step. */
  row: AdvisoryRow | undefined;

  /** @param entries those of the root bucket */
  constructor(root: string, entries: EntryBatches) {
    this.root = root;
    this.#cursor = new EntryCursor(entries);
  }

  /** @param from a package; what comes before it may be passed over */
  async step(from?: Uint8Array): Promise<void> {
    for (;;) {
      const entry = this.#opened[this.#at++] ?? (await this.#nextOf(from));
      this.row = rowOf(entry);
      if (this.row !== undefined || entry === undefined) return;
    }
  }

  /** The next entry; of a whole bucket, its first. */
  async #nextOf(from: Uint8Array | undefined): Promise<BboltEntry | undefined> {
    for (;;) {
      if (!this.#cursor.step()) await this.#cursor.fill();
      const { entry } = this.#cursor;
      if (entry?.wholeOf === undefined) return entry;
      if (from !== undefined && compareBytes(entry.key as Uint8Array, from) < 0) continue;
      [this.#opened, this.#at] = [entriesOfWhole(entry), 1];
      return this.#opened[0];
    }
  }

  close(): Promise<void> {
    return this.#cursor.close();
  }
}

/** Undefined for what is not an advisory: Trivy reads those in a bucket in a root bucket alone. */
function rowOf(entry: BboltEntry | undefined): AdvisoryRow | undefined {
  const { bucket = [], key: id, value } = entry ?? {};
  const [, name] = bucket;
  if (bucket.length !== 2 || name === undefined || id === undefined || value === undefined) return undefined;
  return value.byteLength === 0 ? undefined : { package: name, id, value };
}
