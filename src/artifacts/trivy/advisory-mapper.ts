import { compareInstants, type Instant, isCoded, type JsonObject, parseKnownJson } from '#core';
import {
  departuresOfAdvisory,
  type EvidenceRecord,
  type PackageFilter,
  type RecordSet,
  readTime,
  type WithheldRecord,
} from '#evidence';
import type { Sorter } from '#sort';
import type { BuildOptions } from '../layer.ts';
import { AffectedReader } from './affected.ts';
import type { DataSources } from './data-sources.ts';
import { textOf } from './json.ts';
import type { TrivyDbLoss, TrivyDbLosses } from './losses.ts';
import { RowMaker } from './rows.ts';
import { isRejected } from './vulnerability.ts';

/** The formats of records that this builder reads; others are counted as left out. */
export const trivyDbFormats: readonly string[] = ['osv'];

/** Of a build, what decides which records and packages have rows. */
interface IntakeOptions extends BuildOptions {
  /** Which packages of the records are wanted; all where it is absent. */
  readonly wantsPackage?: PackageFilter | undefined;
}

/** Takes records in, decides what becomes of each, and collects what is left out. */
export class AdvisoryMapper {
  readonly withheld: WithheldRecord[] = [];
  readonly #sources: DataSources;
  readonly #options: IntakeOptions;
  readonly #losses: TrivyDbLosses;
  readonly #affected: AffectedReader;

  constructor(sources: DataSources, losses: TrivyDbLosses, options: IntakeOptions) {
    this.#losses = losses;
    this.#affected = new AffectedReader(losses, options.wantsPackage);
    this.#sources = sources;
    this.#options = options;
  }

  /** Adds the rows of all advisories of a set. @returns how many records have rows */
  async read(set: RecordSet, rows: Sorter, advisories: Sorter): Promise<number> {
    const maker = new RowMaker(rows, advisories);
    let records = 0;
    for await (const batch of set.batches('advisories')) {
      this.#options.signal?.throwIfAborted();
      for (const record of batch) {
        if (!trivyDbFormats.includes(record.format)) this.#losses.add('formatNotCarried', record.key);
        else if (this.#take(record, maker)) records++;
        if (rows.isFull) await rows.relieve();
        if (advisories.isFull) await advisories.relieve();
      }
      await this.#losses.relieve();
    }
    await this.#leaveStatements(set);
    return records;
  }

  async #leaveStatements(set: RecordSet): Promise<void> {
    for await (const batch of set.batches('vex')) {
      this.#options.signal?.throwIfAborted();
      for (const { key } of batch) this.#losses.add('vexStatement', key);
      await this.#losses.relieve();
    }
  }

  /** Adds the rows of one record; false where it has none. One with a range that nobody can compare is withheld. */
  #take({ key, bytes, departs }: EvidenceRecord, maker: RowMaker): boolean {
    const record = parseKnownJson(bytes) as JsonObject;
    try {
      if (!this.#place(record, bytes.byteLength, maker)) return false;
      if (departs)
        for (const { pointer } of departuresOfAdvisory(bytes)) this.#losses.add('memberInvalid', key, pointer);
      return true;
    } catch (error) {
      // Published databases hold a few, and what trivy itself would do with one is to ignore the advisory in silence.
      if (!isCoded(error, 'ERR_EXPORT_RANGE_INVALID')) throw error;
      const pointer = error.details['pointer'];
      this.withheld.push({ record: key, code: error.code, pointer: typeof pointer === 'string' ? pointer : '' });
      return false;
    }
  }

  #place(record: JsonObject, recordBytes: number, maker: RowMaker): boolean {
    const id = textOf(record, 'id');
    if (isWithdrawn(record, this.#options.asOf)) return this.#leave('withdrawn', id);
    if (isRejected(record)) return this.#leave('rejected', id);
    const packages = this.#affected.read(record);
    if (packages.length === 0) return this.#leave('nothingCarried', id);
    const unusable = maker.add(
      record,
      packages.map((affected) => ({ affected, source: this.#sources.of(id, affected.ecosystem) })),
      recordBytes,
    );
    if (unusable === 'too large') return this.#leave('rowsTooLarge', id);
    for (let i = 0; i < unusable; i++) this.#losses.add('memberInvalid', id, '/aliases');
    return true;
  }

  #leave(reason: TrivyDbLoss, id: string): false {
    this.#losses.add(reason, id);
    return false;
  }
}

function isWithdrawn(record: JsonObject, asOf: Instant): boolean {
  const withdrawn = readTime(textOf(record, 'withdrawn'));
  return withdrawn !== undefined && compareInstants(withdrawn, asOf) <= 0;
}
