import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { CodedError, compareText, type Digest, type Instant } from '#core';
import type { Sorter } from '#sort';
import { formats } from './formats/registry.ts';
import type {
  ClassSummary,
  EvidenceRecord,
  IgnoredFile,
  RecordClass,
  RecordSet,
  WithheldFile,
  WithheldRecord,
} from './record.ts';
import { RecordRows } from './record-rows.ts';
import type { Row } from './row.ts';
import { verdicts } from './select/compile.ts';

/** Bytes of records in a batch, beyond which a new one begins. What is read of larger ones outlives its use. */
const BATCH_BYTES = 256 * 1024;
/** Records in a batch at most, for sets of tiny ones. */
const BATCH_RECORDS = 4096;

/** In a pause timers, signals and other requests get their turn; `batches` pauses after each. */
const ROWS_BETWEEN_PAUSES = 4096;

const NOTHING = new Uint8Array(0);

const CLASSES: readonly RecordClass[] = ['advisories', 'vex'];

/** What the collector hands over. */
export interface Taken {
  readonly sorters: ReadonlyMap<RecordClass, Sorter>;
  readonly withheld: readonly WithheldRecord[];
  readonly withheldFiles: readonly WithheldFile[];
  readonly withheldFilesCount: number;
  readonly ignored: readonly IgnoredFile[];
  readonly ignoredCount: number;
  /** Newest change among the kept; undefined when nothing was kept. */
  readonly newest: Instant | undefined;
  readonly newestRecord: string;
}

/** Counts over all classes. */
interface Tally {
  kept: number;
  unscored: number;
  readonly leftOut: Record<string, number>;
  readonly classes: Partial<Record<RecordClass, ClassSummary>>;
}

/** The selected records, read from the sorters. */
export class SortedRecordSet implements RecordSet {
  readonly kept: number;
  readonly leftOut: Readonly<Record<string, number>>;
  readonly unscored: number;
  readonly withheld: readonly WithheldRecord[];
  readonly withheldFiles: readonly WithheldFile[];
  readonly withheldFilesCount: number;
  readonly ignored: readonly IgnoredFile[];
  readonly ignoredCount: number;
  readonly newest: Instant;
  readonly newestRecord: string;
  readonly classes: Readonly<Partial<Record<RecordClass, ClassSummary>>>;
  readonly #taken: Taken;

  private constructor(taken: Taken, tally: Tally, newest: Instant) {
    this.kept = tally.kept;
    this.leftOut = tally.leftOut;
    this.unscored = tally.unscored;
    this.classes = tally.classes;
    this.withheld = taken.withheld.toSorted(compareWithheld);
    this.withheldFiles = taken.withheldFiles;
    this.withheldFilesCount = taken.withheldFilesCount;
    this.ignored = taken.ignored;
    this.ignoredCount = taken.ignoredCount;
    this.newest = newest;
    this.newestRecord = taken.newestRecord;
    this.#taken = taken;
  }

  /**
   * Goes over all rows once, which finds conflicts, and counts.
   *
   * @throws CodedError ERR_EXPORT_RECORD_CONFLICT, ERR_EXPORT_SELECTION_EMPTY
   */
  static async create(taken: Taken): Promise<SortedRecordSet> {
    const tally: Tally = { kept: 0, unscored: 0, leftOut: {}, classes: {} };
    for (const recordClass of CLASSES) {
      const sorter = taken.sorters.get(recordClass);
      const summary = sorter === undefined ? undefined : await countClass(sorter, tally);
      if (summary !== undefined && summary.count > 0) tally.classes[recordClass] = summary;
    }
    if (taken.newest === undefined) throw nothingLeft(tally, taken.withheld.length);
    return new SortedRecordSet(taken, tally, taken.newest);
  }

  async *batches(recordClass: RecordClass): AsyncIterable<readonly EvidenceRecord[]> {
    const sorter = this.#taken.sorters.get(recordClass);
    if (sorter === undefined) return;
    const rows = await RecordRows.open(sorter);
    try {
      let batch: EvidenceRecord[] = [];
      let room: Uint8Array = NOTHING;
      let filled = 0;
      for (let row = rows.next(); row !== undefined; row = rows.next()) {
        if (!isKept(row)) continue;
        if (batch.length === BATCH_RECORDS || filled + row.size > room.length) {
          if (batch.length > 0) yield batch;
          await setImmediate();
          batch = [];
          room = Buffer.allocUnsafeSlow(Math.max(BATCH_BYTES, row.size));
          filled = 0;
        }
        rows.read(room, filled);
        batch.push({
          class: recordClass,
          format: formats[row.format]?.name ?? '',
          key: row.key,
          bytes: room.subarray(filled, filled + row.size),
          digest: `sha256:${row.hex}` as Digest,
          departs: row.departs,
        });
        filled += row.size;
      }
      if (batch.length > 0) yield batch;
    } finally {
      await rows.close();
    }
  }

  async close(): Promise<void> {
    for (const sorter of this.#taken.sorters.values()) await sorter.close();
  }
}

async function countClass(sorter: Sorter, tally: Tally): Promise<ClassSummary> {
  const digest = createHash('sha256');
  let [seen, count] = [0, 0];
  const rows = await RecordRows.open(sorter);
  try {
    for (let row = rows.next(); row !== undefined; row = rows.next()) {
      if (++seen % ROWS_BETWEEN_PAUSES === 0) await setImmediate();
      const verdict = verdicts[row.verdict] as string;
      if (!isKept(row)) {
        tally.leftOut[verdict] = (tally.leftOut[verdict] ?? 0) + 1;
        continue;
      }
      count++;
      if (verdict === 'unscored') tally.unscored++;
      digest.update(`${row.key}\0${row.hex}\n`);
    }
  } finally {
    await rows.close();
  }
  tally.kept += count;
  return { count, digest: `sha256:${digest.digest('hex')}` as Digest };
}

function isKept(row: Row): boolean {
  const verdict = verdicts[row.verdict];
  return verdict === 'kept' || verdict === 'unscored';
}

function compareWithheld(a: WithheldRecord, b: WithheldRecord): number {
  return compareText(a.record, b.record) || compareText(a.code, b.code) || compareText(a.pointer, b.pointer);
}

function nothingLeft({ leftOut }: Tally, withheld: number): CodedError {
  const reasons = Object.entries(leftOut).map(([clause, count]) => `${count} by ${clause}`);
  if (withheld > 0) reasons.push(`${withheld} invalid and withheld`);
  return new CodedError('ERR_EXPORT_SELECTION_EMPTY', `no records left to export: ${reasons.join(', ')}`, {
    hint: 'widen the selector, or check the sources',
    details: { leftOut, withheld },
  });
}
