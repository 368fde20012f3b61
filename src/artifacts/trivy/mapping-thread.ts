import { runThreadTask, ThreadTask } from '#core';
import { type RecordRange, readSharedRecords, type SharedRecords } from '#evidence';
import { AdvisoryMapper, type Mapped, type MappingOptions, type MappingTarget, openTarget } from './advisory-mapper.ts';

/** What the thread is to do. */
interface Task {
  readonly records: SharedRecords;
  readonly range: RecordRange;
  /** For its files, which the caller removes. */
  readonly folder: string;
  readonly options: MappingOptions;
}

/** What a thread has mapped, and the files that hold the rows. */
export interface MappedPart {
  readonly mapped: Mapped;
  readonly files: Readonly<Record<keyof MappingTarget, readonly string[]>>;
}

/** This file is its own thread, told apart by this. */
const ROLE = 'export-center/trivy-db';

void runThreadTask(ROLE, mapPart);

/** @param noteRead is given a number of records each time that some have been read */
async function mapPart(
  { records, range, folder, options }: Task,
  noteRead: (count: number) => void,
): Promise<MappedPart> {
  const target = openTarget(folder);
  const batches = counted(readSharedRecords(records, folder, range), noteRead);
  const mapped = await new AdvisoryMapper(target, options).read(batches);
  const files = {
    rows: await target.rows.files(),
    advisories: await target.advisories.files(),
    losses: await target.losses.files(),
  };
  return { mapped, files };
}

async function* counted<T>(
  batches: AsyncIterable<readonly T[]>,
  note: (count: number) => void,
): AsyncGenerator<readonly T[]> {
  for await (const batch of batches) {
    yield batch;
    note(batch.length);
  }
}

/**
 * Maps a range of records in a thread of its own.
 *
 * @param task its folder must exist and be this thread's alone
 * @param signal ends the wait for the result
 * @returns undefined if the system refuses the thread
 */
export function startMapping(
  { records: { noteRead, ...records }, ...task }: Task,
  signal?: AbortSignal,
): Promise<ThreadTask<MappedPart> | undefined> {
  const options = { onNote: noteRead, signal };
  return ThreadTask.start<MappedPart, number>(new URL(import.meta.url), ROLE, { ...task, records }, options);
}

/** Adds what a thread has mapped behind what is in the target. */
export async function addMapped({ rows, advisories, losses }: MappingTarget, { files }: MappedPart): Promise<void> {
  await rows.adopt(files.rows);
  await advisories.adopt(files.advisories);
  await losses.adopt(files.losses);
}
