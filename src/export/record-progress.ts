import type { RecordSet } from '#evidence';
import type { ProgressListener } from './progress.ts';

/**
 * A set of records that tells how far a builder has come with it.
 *
 * @param passes how often the builder reads each record
 */
export function trackProgress(set: RecordSet, passes: number, onProgress: ProgressListener): RecordSet {
  let read = 0;
  const noteRead = (records: number): void => {
    read += records;
    onProgress({ stage: 'pack', done: Math.floor(read / passes), total: set.kept, unit: 'records' });
  };
  const batches: RecordSet['batches'] = async function* (name, range) {
    for await (const batch of set.batches(name, range)) {
      noteRead(batch.length);
      yield batch;
    }
  };
  const share: RecordSet['share'] = async (name) => {
    const shared = await set.share?.(name);
    return shared && { ...shared, noteRead };
  };
  return { ...set, batches, share, close: () => set.close() };
}
