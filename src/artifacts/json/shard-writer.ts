import { encodeZstd } from '#archive';
import { CodedError, Digester } from '#core';
import type { EvidenceRecord } from '#evidence';
import type { Shard } from './export-index.generated.ts';

/** Higher levels take many times as long for a few per cent (docs/adr/0002-shards.md). Decides the bytes. */
const LEVEL = 9;

const LINE_END = Uint8Array.of(0x0a);

/** Records one after the other, with a look at the next. */
export class RecordFeed {
  readonly #batches: AsyncIterator<readonly EvidenceRecord[]>;
  #batch: readonly EvidenceRecord[] = [];
  #at = 0;

  constructor(batches: AsyncIterable<readonly EvidenceRecord[]>) {
    this.#batches = batches[Symbol.asyncIterator]();
  }

  /** The next record, which stays the next until `advance`; undefined at the end. */
  async next(): Promise<EvidenceRecord | undefined> {
    while (this.#at === this.#batch.length) {
      const { done, value } = await this.#batches.next();
      if (done === true) return undefined;
      this.#batch = value;
      this.#at = 0;
    }
    return this.#batch[this.#at];
  }

  advance(): void {
    this.#at++;
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }
}

/** Packs the next `count` records of a feed, of which `first` is the first, and measures what comes out. */
export class ShardWriter {
  readonly path: string;
  readonly #feed: RecordFeed;
  readonly #first: EvidenceRecord;
  readonly #count: number;
  readonly #digester = new Digester();
  #lastKey = '';
  #row: Shard | undefined;

  constructor(path: string, feed: RecordFeed, first: EvidenceRecord, count: number) {
    this.path = path;
    this.#feed = feed;
    this.#first = first;
    this.#count = count;
  }

  /** The file, once. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    for await (const chunk of encodeZstd(this.#lines(), { level: LEVEL })) {
      this.#digester.update(chunk);
      yield chunk;
    }
    this.#row = {
      path: this.path,
      firstKey: this.#first.key,
      lastKey: this.#lastKey,
      records: this.#count,
      digest: this.#digester.digest(),
      sizeBytes: this.#digester.size,
    };
  }

  /** The shard's row of the index. */
  row(): Shard {
    if (this.#row === undefined) throw new TypeError(`${this.path}: consume a draft before asking for the next one`);
    return this.#row;
  }

  async *#lines(): AsyncGenerator<Uint8Array> {
    for (let left = this.#count; left > 0; left--) {
      const record = await this.#feed.next();
      if (record === undefined) throw endsEarly(this.path, left);
      this.#lastKey = record.key;
      yield record.bytes;
      yield LINE_END;
      this.#feed.advance();
    }
  }
}

/** The set promises the same records each time it is read. */
export function endsEarly(path: string, missing: number): CodedError {
  return new CodedError('ERR_EXPORT_INTERNAL', `${path}: ${missing} records fewer than were counted before`, {
    hint: 'report this; the temporary directory may have been changed by another program',
    details: { path, missing },
  });
}
