import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileError, type ThreadTask } from '#core';
import type { RecordSet } from '#evidence';
import { AdvisoryMapper, type Mapped, type MappingOptions, type MappingTarget } from './advisory-mapper.ts';
import { addMapped, type MappedPart, startMapping } from './mapping-thread.ts';

/** How the records of a set are mapped. */
export interface MappingPlan {
  /** For files of a second thread, which the caller removes. */
  readonly folder: string;
  readonly options: MappingOptions;
  /** Advisories from which on a second thread maps a part of them; starting one costs as much as mapping some thousands. */
  readonly threadFrom?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const THREAD_FROM = 20_000;
/** Of the advisories, those that are mapped here: the thread has to start and to pass over these. */
const OWN_SHARE = 0.55;

/**
 * Maps all records of a set. A second thread has the advisories behind a certain place; its rows come behind the
 * others, so that the result is the same.
 */
export async function mapRecords(set: RecordSet, target: MappingTarget, plan: MappingPlan): Promise<Mapped> {
  const count = set.classes.advisories?.count ?? 0;
  const own = Math.ceil(count * OWN_SHARE);
  const thread = await startThread(set, { from: own, to: count }, plan);
  try {
    const mapper = new AdvisoryMapper(target, plan.options);
    const range = { from: 0, to: thread === undefined ? count : own };
    const first = await mapper.read(set.batches('advisories', range), plan.signal);
    const part = await thread?.result();
    if (part !== undefined) await addMapped(target, part);
    const second = thread && (part?.mapped ?? (await mapRest(set, mapper, range.to, plan.signal)));
    await leaveStatements(set, target, plan.signal);
    return second === undefined
      ? first
      : { records: first.records + second.records, withheld: [...first.withheld, ...second.withheld] };
  } finally {
    await thread?.close();
  }
}

/** What a thread should have mapped. The mapper gives all records that it has withheld so far each time. */
async function mapRest(set: RecordSet, mapper: AdvisoryMapper, from: number, signal?: AbortSignal): Promise<Mapped> {
  const to = set.classes.advisories?.count ?? 0;
  const { records } = await mapper.read(set.batches('advisories', { from, to }), signal);
  return { records, withheld: [] };
}

async function startThread(
  set: RecordSet,
  range: { readonly from: number; readonly to: number },
  { folder, options, threadFrom, signal }: MappingPlan,
): Promise<ThreadTask<MappedPart> | undefined> {
  if (range.to < (threadFrom ?? (availableParallelism() > 1 ? THREAD_FROM : Number.POSITIVE_INFINITY)))
    return undefined;
  const records = await set.share?.('advisories');
  if (records === undefined) return undefined;
  const threadFolder = join(folder, 'thread');
  await mkdir(threadFolder).catch((error: unknown) => {
    throw fileError(error, threadFolder);
  });
  return startMapping({ records, range, folder: threadFolder, options }, signal);
}

/** VEX documents have no rows. */
async function leaveStatements(set: RecordSet, { losses }: MappingTarget, signal?: AbortSignal): Promise<void> {
  for await (const batch of set.batches('vex')) {
    signal?.throwIfAborted();
    for (const { key } of batch) losses.add('vexStatement', key);
    await losses.relieve();
  }
}
