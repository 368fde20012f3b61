import { createHash } from 'node:crypto';
import { decodeFramedZstd } from '#archive';
import { CanonicalReader, type CodedError, compareText, type Digest, digestOf, hexOf } from '#core';
import { type ClassSummary, type RecordClass, recordKeyOf } from '#evidence';
import type { Shard } from './export-index.generated.ts';
import { splitLines } from './lines.ts';
import { indexPath, shardPath } from './paths.ts';
import { ShardCuts } from './shard-cuts.ts';

/** A file as export.json lists it. */
export interface ListedFile {
  readonly path: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly records: number;
}

/** The largest record that is read anywhere. */
const MAX_RECORD_BYTES = 16 * 1024 * 1024;

/** The shards of one class, read one after the other in order of their paths. */
export class ClassCheck {
  readonly #class: RecordClass;
  readonly #mismatch: (file: string, what: string, cause?: unknown) => CodedError;
  readonly #summary = createHash('sha256');
  readonly #cuts = new ShardCuts();
  readonly #reader = new CanonicalReader();
  readonly #shards: Shard[] = [];
  #count = 0;
  #lastKey = '';

  constructor(recordClass: RecordClass, mismatch: (file: string, what: string, cause?: unknown) => CodedError) {
    this.#class = recordClass;
    this.#mismatch = mismatch;
  }

  /** What the index of the class must list. */
  get shards(): readonly Shard[] {
    return this.#shards;
  }

  /** Reads a shard: canonical records in byte order of key, as many as are listed, under the name of the first. */
  async readShard({ path, digest, sizeBytes, records }: ListedFile, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const start = this.#count;
    let firstKey = '';
    const unpacked = decodeFramedZstd(chunks, path, { maxRatio: Number.MAX_SAFE_INTEGER });
    for await (const line of splitLines(unpacked, MAX_RECORD_BYTES, (what) => this.#mismatch(path, what))) {
      this.#takeRecord(line, `${path}: record ${this.#count - start + 1}`);
      if (firstKey === '') firstKey = this.#lastKey;
    }
    if (this.#count - start !== records) {
      throw this.#mismatch(path, `${this.#count - start} records, and export.json lists ${records}`);
    }
    if (records === 0 || shardPath(this.#class, firstKey) !== path) {
      throw this.#mismatch(path, `its name does not match its first record, ${JSON.stringify(firstKey)}`);
    }
    this.#shards.push({ path, firstKey, lastKey: this.#lastKey, records, digest, sizeBytes });
  }

  /** @param place what the record is called in errors */
  #takeRecord(line: Uint8Array, place: string): void {
    const json = this.#reader.read(line, place, { keepNumbers: true });
    if (Buffer.compare(json.bytes, line) !== 0) throw this.#mismatch(place, 'not in canonical form');
    const hex = hexOf(digestOf(line));
    const key = recordKeyOf(this.#class, json, hex);
    if (key === undefined) throw this.#mismatch(place, `not a record of ${this.#class} that has a key`);
    if (this.#count > 0 && compareText(this.#lastKey, key) >= 0) {
      throw this.#mismatch(place, `${JSON.stringify(key)} after ${JSON.stringify(this.#lastKey)}: not in byte order`);
    }
    this.#summary.update(`${key}\0${hex}\n`);
    this.#cuts.add(key);
    this.#lastKey = key;
    this.#count++;
  }

  /** Holds all records together against what went into the build, and the shards against the rule that cuts them. */
  end({ count, digest }: ClassSummary, k: number): void {
    const found = `sha256:${this.#summary.digest('hex')}`;
    if (count !== this.#count || digest !== found) {
      throw this.#mismatch(
        `data/raw/${this.#class}`,
        `${this.#count} records ${found}, not ${count} records ${digest}`,
      );
    }
    if (!beginAt(this.#shards, this.#cuts.startsFor(k))) {
      throw this.#mismatch(indexPath(this.#class), `the shards are not cut as k = ${k} cuts these records`);
    }
  }
}

/** Whether shards that follow one another begin at these records, counted from 0. */
function beginAt(shards: readonly Shard[], starts: readonly number[]): boolean {
  let start = 0;
  for (const [at, { records }] of shards.entries()) {
    if (starts[at] !== start) return false;
    start += records;
  }
  return starts.length === shards.length;
}
