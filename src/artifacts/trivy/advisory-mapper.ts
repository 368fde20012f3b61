import { compareInstants, type Instant, isCoded, type JsonObject, parseKnownJson } from '#core';
import {
  compilePackageFilter,
  departuresOfAdvisory,
  type EvidenceRecord,
  readTime,
  type Selector,
  type WithheldRecord,
} from '#evidence';
import { Sorter } from '#sort';
import { LossCollector } from '../losses.ts';
import { AffectedReader } from './affected.ts';
import { type DataSourceRule, DataSources } from './data-sources.ts';
import { textOf } from './json.ts';
import { type TrivyDbLoss, type TrivyDbLosses, trivyDbLosses } from './losses.ts';
import { namesVulnerability, RowMaker } from './rows.ts';
import { isRejected } from './vulnerability.ts';

/** The formats of records that this builder reads; others are counted as left out. */
export const trivyDbFormats: readonly string[] = ['osv'];

/** Of a build, what decides which records and packages have rows, and whose they are. Can be sent to another thread. */
export interface MappingOptions {
  /** The bundle's one point in time. */
  readonly asOf: Instant;
  /** Data sources that come before the defaults; of those that fit a record the one with the longest prefix counts. */
  readonly dataSources?: readonly DataSourceRule[] | undefined;
  /** Which packages of the records are wanted; all where it is absent. */
  readonly packages?: PackageSelection | undefined;
}

/** The clauses of a selector that are about packages. */
export type PackageSelection = Pick<Selector, 'ecosystems' | 'packages'>;

/** Where what is made of records goes. */
export interface MappingTarget {
  readonly rows: Sorter;
  /** What records say of packages, for uniteAdvisories. */
  readonly advisories: Sorter;
  readonly losses: TrivyDbLosses;
}

/** What has become of records. */
export interface Mapped {
  /** How many have rows. */
  readonly records: number;
  readonly withheld: readonly WithheldRecord[];
}

/** Sorters and losses in files of a folder, which are the caller's to remove. */
export function openTarget(folder: string): MappingTarget {
  return {
    rows: new Sorter(folder, SORTERS),
    advisories: new Sorter(folder, SORTERS),
    losses: new LossCollector(folder, trivyDbLosses),
  };
}

/** Two at a time, in each of two threads. */
const SORTERS = { memory: 8 * 1024 * 1024 } as const;

/** Takes records in, decides what becomes of each, and collects what is left out. */
export class AdvisoryMapper {
  readonly #target: MappingTarget;
  readonly #asOf: Instant;
  readonly #sources: DataSources;
  readonly #affected: AffectedReader;
  readonly #maker: RowMaker;
  readonly #withheld: WithheldRecord[] = [];

  constructor(target: MappingTarget, { asOf, dataSources, packages }: MappingOptions) {
    this.#target = target;
    this.#asOf = asOf;
    this.#sources = new DataSources(dataSources);
    this.#affected = new AffectedReader(target.losses, packages && compilePackageFilter(packages));
    this.#maker = new RowMaker(target.rows, target.advisories);
  }

  /** Adds the rows of advisories. */
  async read(batches: AsyncIterable<readonly EvidenceRecord[]>, signal?: AbortSignal): Promise<Mapped> {
    const { rows, advisories, losses } = this.#target;
    let records = 0;
    for await (const batch of batches) {
      signal?.throwIfAborted();
      for (const record of batch) {
        if (!trivyDbFormats.includes(record.format)) losses.add('formatNotCarried', record.key);
        else if (this.#take(record)) records++;
        if (rows.isFull) await rows.relieve();
        if (advisories.isFull) await advisories.relieve();
      }
      await losses.relieve();
    }
    return { records, withheld: this.#withheld };
  }

  /** Adds the rows of one record; false where it has none. One with a range that nobody can compare is withheld. */
  #take({ key, bytes, departs }: EvidenceRecord): boolean {
    const record = parseKnownJson(bytes) as JsonObject;
    try {
      if (!this.#place(record, bytes.byteLength)) return false;
      if (departs)
        for (const { pointer } of departuresOfAdvisory(bytes)) this.#target.losses.add('memberInvalid', key, pointer);
      return true;
    } catch (error) {
      // Published databases hold a few, and what trivy itself would do with one is to ignore the advisory in silence.
      if (!isCoded(error, 'ERR_EXPORT_RANGE_INVALID')) throw error;
      const pointer = error.details['pointer'];
      this.#withheld.push({ record: key, code: error.code, pointer: typeof pointer === 'string' ? pointer : '' });
      return false;
    }
  }

  #place(record: JsonObject, recordBytes: number): boolean {
    const id = textOf(record, 'id');
    if (isWithdrawn(record, this.#asOf)) return this.#leave('withdrawn', id);
    if (isRejected(record)) return this.#leave('rejected', id);
    if (BUG_FIX.test(id) && !namesVulnerability(record)) return this.#leave('bugFixOnly', id);
    const packages = this.#affected.read(record);
    if (packages.length === 0) return this.#leave('nothingCarried', id);
    const unusable = this.#maker.add(
      record,
      packages.map((affected) => {
        const source = this.#sources.of(id, affected.ecosystem);
        return { affected, source, bucketSource: this.#sources.ofBucket(affected.ecosystem, source) };
      }),
      recordBytes,
    );
    if (unusable === 'too large') return this.#leave('rowsTooLarge', id);
    for (const pointer of unusable) this.#target.losses.add('memberInvalid', id, pointer);
    return true;
  }

  #leave(reason: TrivyDbLoss, id: string): false {
    this.#target.losses.add(reason, id);
    return false;
  }
}

/** Errata of AlmaLinux and SUSE that are no security updates, though OSV has them too. */
const BUG_FIX = /^(?:AL[BE]A|SUSE-[FOR]U)-/;

function isWithdrawn(record: JsonObject, asOf: Instant): boolean {
  const withdrawn = readTime(textOf(record, 'withdrawn'));
  return withdrawn !== undefined && compareInstants(withdrawn, asOf) <= 0;
}
