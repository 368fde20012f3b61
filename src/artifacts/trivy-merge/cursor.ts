import type { BboltEntry } from '#bbolt';

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

  /** Goes to the first entry of the next batch, if there is one. What came before is no longer valid. */
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

/** Stands on one advisory of a root bucket after the other. Values without content are passed over, as by Trivy. */
export class AdvisoryCursor {
  readonly root: string;
  readonly #cursor: EntryCursor;
  #isOpen = false;
  /** Undefined at the end, and before the first step. */
  row: AdvisoryRow | undefined;

  /** @param entries those of the root bucket */
  constructor(root: string, entries: EntryBatches) {
    this.root = root;
    this.#cursor = new EntryCursor(entries);
  }

  async step(): Promise<void> {
    do {
      const isInBatch = this.#isOpen && this.#cursor.step();
      if (!isInBatch) await this.#cursor.fill();
      this.#isOpen = true;
      this.row = rowOf(this.#cursor.entry);
    } while (this.row === undefined && this.#cursor.entry !== undefined);
  }

  close(): Promise<void> {
    return this.#cursor.close();
  }
}

/** Undefined for what is no advisory: Trivy reads those in a bucket in a root bucket alone. */
function rowOf(entry: BboltEntry | undefined): AdvisoryRow | undefined {
  const { bucket = [], key: id, value } = entry ?? {};
  const [, name] = bucket;
  if (bucket.length !== 2 || name === undefined || id === undefined || value === undefined) return undefined;
  return value.byteLength === 0 ? undefined : { package: name, id, value };
}
