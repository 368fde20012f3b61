import type { EvidenceRecord, RecordClass, RecordSet } from '#evidence';
import type { ProgressListener } from './progress.ts';

/**
 * A set of records that tells how far a builder has come with it.
 *
 * @param passes how often the builder reads each record
 */
export function trackProgress(set: RecordSet, passes: number, onProgress: ProgressListener): RecordSet {
  let read = 0;
  const batches = async function* (name: RecordClass): AsyncIterable<readonly EvidenceRecord[]> {
    for await (const batch of set.batches(name)) {
      read += batch.length;
      onProgress({ stage: 'pack', done: Math.floor(read / passes), total: set.kept, unit: 'records' });
      yield batch;
    }
  };
  return { ...set, batches, close: () => set.close() };
}
