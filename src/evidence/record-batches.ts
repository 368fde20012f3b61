import { setImmediate } from 'node:timers/promises';
import type { Digest } from '#core';
import { Sorter } from '#sort';
import { formats } from './formats/registry.ts';
import type { EvidenceRecord, RecordClass, RecordRange, SharedRecords } from './record.ts';
import { RecordRows } from './record-rows.ts';
import type { Row } from './row.ts';
import { verdicts } from './select/compile.ts';

/** Bytes of records in a batch, beyond which a new one begins. What is read of larger ones outlives its use. */
const BATCH_BYTES = 256 * 1024;
/** Records in a batch at most, for sets of tiny ones. */
const BATCH_RECORDS = 4096;

const NOTHING = new Uint8Array(0);
const ALL: RecordRange = { from: 0, to: Number.POSITIVE_INFINITY };

/**
 * The kept records of a class in batches, in byte order of key. In a pause after each, timers, signals and other
 * requests get their turn.
 */
export async function* recordBatches(
  sorter: Sorter,
  recordClass: RecordClass,
  { from, to }: RecordRange = ALL,
): AsyncGenerator<readonly EvidenceRecord[]> {
  const rows = await RecordRows.open(sorter);
  try {
    let batch: EvidenceRecord[] = [];
    let room: Uint8Array = NOTHING;
    let [filled, count] = [0, 0];
    for (let row = rows.next(); row !== undefined && count < to; row = rows.next()) {
      if (!isKept(row) || count++ < from) continue;
      if (batch.length === BATCH_RECORDS || filled + row.size > room.length) {
        if (batch.length > 0) yield batch;
        await setImmediate();
        batch = [];
        room = Buffer.allocUnsafeSlow(Math.max(BATCH_BYTES, row.size));
        filled = 0;
      }
      const bytes = room.subarray(filled, filled + row.size);
      rows.read(bytes, 0);
      batch.push(recordOf(row, recordClass, bytes));
      filled += row.size;
    }
    if (batch.length > 0) yield batch;
  } finally {
    await rows.close();
  }
}

/**
 * Reads records that a set has shared, in another thread.
 *
 * @param workDir an existing folder for temporary files
 */
export async function* readSharedRecords(
  { recordClass, files }: SharedRecords,
  workDir: string,
  range?: RecordRange,
): AsyncGenerator<readonly EvidenceRecord[]> {
  const sorter = new Sorter(workDir);
  await sorter.adopt(files);
  yield* recordBatches(sorter, recordClass, range);
}

/** Whether the selector keeps a record. */
export function isKept(row: Row): boolean {
  const verdict = verdicts[row.verdict];
  return verdict === 'kept' || verdict === 'unscored';
}

function recordOf(row: Row, recordClass: RecordClass, bytes: Uint8Array): EvidenceRecord {
  return {
    class: recordClass,
    format: formats[row.format]?.name ?? '',
    key: row.key,
    bytes,
    digest: `sha256:${row.hex}` as Digest,
    departs: row.departs,
  };
}
