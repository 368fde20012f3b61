import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { CodedError, compareText, type Digest, type Instant } from '#core';
import type { Sorter } from '#sort';
import type { ClassSorters } from './class-sorters.ts';
import type { IgnoredFiles } from './ignored-files.ts';
import type { NewestChange } from './newest-change.ts';
import type { ClassSummary, RecordClass, RecordSet, WithheldRecord } from './record.ts';
import { isKept, recordBatches } from './record-batches.ts';
import { RecordRows } from './record-rows.ts';
import { verdicts } from './select/compile.ts';
import { describeLeftOut } from './select/selector.ts';
import { explainWithheld, type WithheldRecords } from './withheld-records.ts';

/** In a pause timers, signals and other requests get their turn. */
const ROWS_BETWEEN_PAUSES = 4096;

const CLASSES: readonly RecordClass[] = ['advisories', 'vex'];

/** What the collector hands over. */
export interface Taken {
  readonly sorters: ClassSorters;
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
  if (newest.instant === undefined) throw nothingLeft(tally, withheld.records.toSorted(compareWithheld));
  return {
    ...tally,
    withheld: withheld.records.toSorted(compareWithheld),
    withheldFiles: withheld.files,
    withheldFilesCount: withheld.filesCount,
    ignored: ignored.files,
    ignoredCount: ignored.count,
    newest: newest.instant,
    newestRecord: newest.record,
    async *batches(recordClass, range) {
      const sorter = sorters.get(recordClass);
      if (sorter !== undefined) yield* recordBatches(sorter, recordClass, range);
    },
    share: async (recordClass) => {
      const files = await sorters.get(recordClass)?.files();
      return files && { recordClass, files };
    },
    close: () => sorters.close(),
  };
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

function compareWithheld(a: WithheldRecord, b: WithheldRecord): number {
  return compareText(a.record, b.record) || compareText(a.code, b.code) || compareText(a.pointer, b.pointer);
}

function nothingLeft({ leftOut }: Tally, withheld: readonly WithheldRecord[]): CodedError {
  const explained = explainWithheld(withheld);
  const reasons = [...describeLeftOut(leftOut), ...explained.reasons];
  return new CodedError('ERR_EXPORT_SELECTION_EMPTY', `no records left to export: ${reasons.join(', ')}`, {
    hint: 'widen the selector, or check the sources',
    details: { leftOut, ...explained.details },
  });
}

/**
 * The set of no records.
 *
 * @param newest what stands for the time of the newest one
 */
export function emptyRecordSet(newest: Instant = EPOCH): RecordSet {
  return {
    kept: 0,
    leftOut: {},
    unscored: 0,
    withheld: [],
    withheldFiles: [],
    withheldFilesCount: 0,
    ignored: [],
    ignoredCount: 0,
    newest,
    newestRecord: '',
    classes: {},
    batches: async function* () {},
    close: async () => undefined,
  };
}

const EPOCH = '1970-01-01T00:00:00Z' as Instant;
