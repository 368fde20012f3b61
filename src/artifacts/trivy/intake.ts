import {
  type CodedError,
  compareInstants,
  type Instant,
  instantFrom,
  isCoded,
  type JsonObject,
  parseKnownJson,
} from '#core';
import type { EvidenceRecord, RecordSet, WithheldRecord } from '#evidence';
import type { BuildOptions, BuildReport } from '../layer.ts';
import { AffectedReader } from './affected.ts';
import type { DataSources } from './data-sources.ts';
import { textOf } from './json.ts';
import { Counts, type LeftOutPart, type LeftOutReason } from './left-out.ts';
import type { RowSorter } from './row-sorter.ts';
import { RowMaker } from './rows.ts';
import { isRejected } from './vulnerability.ts';

/** What became of the records and of their parts. */
export interface TrivyDbReport extends BuildReport {
  /** Parts of records that are left out while the record is not, or that are counted beside it, by LeftOutPart. */
  readonly leftOutParts: Readonly<Record<string, number>>;
}

/** Takes records in, decides what becomes of each, and keeps the account. */
export class Intake {
  /** Parts of records that are left out; the rows of the database add to it. */
  readonly parts = new Counts<LeftOutPart>();
  readonly #leftOut = new Counts<LeftOutReason>();
  readonly #sources: DataSources;
  readonly #options: BuildOptions;
  readonly #withheld: WithheldRecord[] = [];
  readonly #affected = new AffectedReader(this.parts);

  constructor(sources: DataSources, options: BuildOptions) {
    this.#sources = sources;
    this.#options = options;
  }

  /** Adds the rows of all advisories of a set. @returns how many records have rows */
  async read(set: RecordSet, rows: RowSorter): Promise<number> {
    this.#leftOut.add('vexStatement', set.classes.vex?.count ?? 0);
    const maker = new RowMaker(rows);
    let records = 0;
    for await (const batch of set.batches('advisories')) {
      this.#options.signal?.throwIfAborted();
      for (const record of batch) {
        if (this.#take(record, maker)) records++;
      }
      await rows.relieve();
    }
    return records;
  }

  report(): TrivyDbReport {
    return { withheld: this.#withheld, leftOut: this.#leftOut.all(), leftOutParts: this.parts.all() };
  }

  /** Adds the rows of one record; false where it has none. */
  #take({ key, bytes }: EvidenceRecord, maker: RowMaker): boolean {
    const record = parseKnownJson(bytes) as JsonObject;
    try {
      return this.#place(record, maker);
    } catch (error) {
      if (!this.#isToWithhold(error)) throw error;
      const pointer = error.details['pointer'];
      this.#withheld.push({ record: key, code: error.code, pointer: typeof pointer === 'string' ? pointer : '' });
      return false;
    }
  }

  /**
   * A range that nobody can compare is withheld even where records are not to be skipped: published databases hold a
   * few, and what trivy itself would do with one is to ignore the advisory without listing it anywhere.
   */
  #isToWithhold(error: unknown): error is CodedError {
    if (isCoded(error, 'ERR_EXPORT_RANGE_INVALID')) return true;
    return this.#options.skipInvalid && isCoded(error, 'ERR_EXPORT_RECORD_INVALID');
  }

  #place(record: JsonObject, maker: RowMaker): boolean {
    if (isWithdrawn(record, this.#options.asOf)) return this.#leave('withdrawn');
    if (isRejected(record)) return this.#leave('rejected');
    const packages = this.#affected.read(record);
    if (packages.length === 0) return this.#leave('nothingCarried');
    const id = textOf(record, 'id');
    maker.add(
      record,
      packages.map((affected) => ({ affected, source: this.#sources.of(id, affected.ecosystem) })),
    );
    return true;
  }

  #leave(reason: LeftOutReason): false {
    this.#leftOut.add(reason);
    return false;
  }
}

function isWithdrawn(record: JsonObject, asOf: Instant): boolean {
  const withdrawn = instantFrom(textOf(record, 'withdrawn'));
  return withdrawn !== undefined && compareInstants(withdrawn, asOf) <= 0;
}
