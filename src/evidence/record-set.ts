import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { CodedError, compareText, type Digest } from '#core';
import type { Sorter } from '#sort';
import { formats } from './formats/registry.ts';
import type { IgnoredFiles } from './ignored-files.ts';
import type { NewestChange } from './newest-change.ts';
import type { ClassSummary, EvidenceRecord, RecordClass, RecordSet, WithheldRecord } from './record.ts';
import { RecordRows } from './record-rows.ts';
import type { Row } from './row.ts';
import { verdicts } from './select/compile.ts';
import type { WithheldRecords } from './withheld-records.ts';

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
  readonly withheld: WithheldRecords;
  readonly ignored: IgnoredFiles;
  /** Among the kept. */
  readonly newest: NewestChange;
}

/** Counts over all classes. */
interface Tally {
  kept: number;
  unscored: number;
  readonly leftOut: Record<string, number>;
  readonly classes: Partial<Record<RecordClass, ClassSummary>>;
}

/**
 * The selected records, read from the sorters. Goes over all rows once, which finds conflicts, and counts.
 *
 * @throws CodedError ERR_EXPORT_RECORD_CONFLICT, ERR_EXPORT_SELECTION_EMPTY
 */
export async function sortedRecordSet(taken: Taken): Promise<RecordSet> {
  const { sorters, withheld, ignored, newest } = taken;
  const tally: Tally = { kept: 0, unscored: 0, leftOut: {}, classes: {} };
  for (const recordClass of CLASSES) {
    const sorter = sorters.get(recordClass);
    const summary = sorter === undefined ? undefined : await countClass(sorter, tally);
    if (summary !== undefined && summary.count > 0) tally.classes[recordClass] = summary;
  }
  if (newest.instant === undefined) throw nothingLeft(tally, withheld.records.length);
  return {
    ...tally,
    withheld: withheld.records.toSorted(compareWithheld),
    withheldFiles: withheld.files,
    withheldFilesCount: withheld.filesCount,
    ignored: ignored.files,
    ignoredCount: ignored.count,
    newest: newest.instant,
    newestRecord: newest.record,
    batches: (recordClass) => readBatches(recordClass, sorters.get(recordClass)),
    close: async () => {
      for (const sorter of sorters.values()) await sorter.close();
    },
  };
}

async function* readBatches(
  recordClass: RecordClass,
  sorter: Sorter | undefined,
): AsyncGenerator<readonly EvidenceRecord[], void, void> {
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
