import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { CodedError, fileError, type ThreadTask } from '#core';
import { type PartResult, startCollecting } from './collect-thread.ts';
import { formatTitles } from './formats/recognise.ts';
import type { RecordSet } from './record.ts';
import { RecordCollector } from './record-collector.ts';
import type { Selector } from './select/selector.ts';
import { openSource } from './sources/open.ts';
import { SourcePart } from './sources/part.ts';
import type { Source } from './sources/source.ts';
import { checkUnpacked, readTexts, type UnpackedCount } from './sources/texts.ts';

/** What to collect, and how. */
export interface CollectOptions {
  /** Paths of folders, archives or files; at least one. */
  readonly sources: readonly string[];
  readonly selector: Selector;
  /** Withhold and list records that are not valid, instead of failing at the first. */
  readonly withholdInvalid: boolean;
  /** An existing folder for temporary files, which `close` of the set removes. Few records need none. */
  readonly workDir: string;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of an archive from which on it is read in two parts, in place of the default. */
  readonly partsFrom?: number | undefined;
  /** Called now and then: records and bytes of content read so far. */
  readonly onProgress?: ((records: number, bytes: number) => void) | undefined;
}

/** Some ten thousand records; fewer are read before a thread has started. */
const PARTS_FROM = 8 * 1024 * 1024;

/** Bytes of content between two pauses, in which timers, signals and other requests get their turn. */
const PAUSE_EVERY = 2 * 1024 * 1024;

/**
 * Reads all sources and gives the selected records in order. The result depends on the records alone: not on the
 * order of sources, files or entries, nor on whether they came in a folder or in an archive.
 *
 * @throws CodedError ERR_EXPORT_SOURCE_UNREADABLE, ERR_EXPORT_SOURCE_EMPTY, ERR_EXPORT_SELECTION_EMPTY
 * @throws CodedError ERR_EXPORT_JSON_INVALID, ERR_EXPORT_RECORD_INVALID (unless `withholdInvalid`) naming the place
 * @throws CodedError ERR_EXPORT_RECORD_TOO_LARGE, ERR_EXPORT_RECORD_CONFLICT
 * @throws CodedError what opening and reading an archive throws
 */
export async function collectRecords(options: CollectOptions): Promise<RecordSet> {
  if (options.sources.length === 0) throw new RangeError('no source to collect from');
  const collector = new RecordCollector(options);
  try {
    for (const path of options.sources) await readSource(path, collector, options);
    return await collector.finish();
  } catch (error) {
    await collector.close();
    throw error;
  }
}

async function readSource(path: string, collector: RecordCollector, options: CollectOptions): Promise<void> {
  const before = collector.records;
  const source = await openSource(path);
  try {
    if ((source.archiveBytes ?? 0) >= (options.partsFrom ?? PARTS_FROM)) await takeParts(source, collector, options);
    else await takeTexts(source, source, collector, options);
  } finally {
    await source.close();
  }
  if (collector.records === before) throw sourceEmpty(path, collector.ignoredOf(source));
}

/**
 * Reads an archive in two parts, one after the other as far as what is said about files goes: the order of that is the
 * same on every machine. A second thread reads as much of the second part as it can without saying anything.
 */
async function takeParts(source: Source, collector: RecordCollector, options: CollectOptions): Promise<void> {
  const thread = availableParallelism() > 1 ? await startThread(source, collector, options) : undefined;
  const unpacked: UnpackedCount = { bytes: 0 };
  let result: PartResult | undefined;
  try {
    await takeTexts(new SourcePart(source, 0), source, collector, options, unpacked);
    result = await thread?.task.result();
  } finally {
    await thread?.task.close();
  }
  if (result !== undefined) {
    await collector.adopt(result.collected);
    unpacked.bytes += result.unpackedBytes;
    checkUnpacked(source, unpacked);
  } else if (thread !== undefined) await rm(thread.workDir, { recursive: true, force: true });
  const from = result === undefined ? 0 : result.stoppedAt;
  if (from !== undefined) await takeTexts(new SourcePart(source, 1, from), source, collector, options, unpacked);
}

interface SourceThread {
  readonly task: ThreadTask<PartResult>;
  /** For its files. */
  readonly workDir: string;
}

/** @returns undefined if the system refuses the thread */
async function startThread(
  { path }: Source,
  collector: RecordCollector,
  { selector, workDir: parent, signal }: CollectOptions,
): Promise<SourceThread | undefined> {
  const workDir = await mkdtemp(join(parent, 'thread-')).catch((error: unknown) => {
    throw fileError(error, parent);
  });
  collector.own(workDir);
  const onNote = ({ records, bytes }: { records: number; bytes: number }): void => collector.noteRead(records, bytes);
  const task = await startCollecting({ path, selector, workDir }, { onNote, signal });
  return task && { task, workDir };
}

/** @param owner the source that `source` is, or is a part of */
async function takeTexts(
  source: Source,
  owner: Source,
  collector: RecordCollector,
  { signal, onProgress }: CollectOptions,
  unpacked?: UnpackedCount,
): Promise<void> {
  let pauseAt = collector.bytes + PAUSE_EVERY;
  for await (const text of readTexts(source, unpacked)) {
    if ('reason' in text) collector.ignore(owner, text.name, text.reason);
    else await collector.take(owner, text);
    if (collector.bytes < pauseAt) continue;
    pauseAt = collector.bytes + PAUSE_EVERY;
    await setImmediate();
    signal?.throwIfAborted();
    onProgress?.(collector.records, collector.bytes);
  }
  signal?.throwIfAborted();
  onProgress?.(collector.records, collector.bytes);
}

/** Files that an error names: enough to see what kind of source it is. */
const NAMED = 5;
/** Files in the details of an error. */
const LISTED = 100;
/** Characters of a name; names in archives are hostile text, and may be long. */
const NAME = 100;

function sourceEmpty(path: string, { listed, count }: ReturnType<RecordCollector['ignoredOf']>): CodedError {
  const shown = listed.slice(0, NAMED).map(({ name, reason }) => `${JSON.stringify(name.slice(0, NAME))}: ${reason}`);
  if (count > NAMED) shown.push(`${count - NAMED} more`);
  const found = shown.length === 0 ? 'it is empty' : `ignored ${shown.join('; ')}`;
  return new CodedError('ERR_EXPORT_SOURCE_EMPTY', `${path}: no ${formatTitles} records found: ${found}`, {
    hint: 'check that this is the directory or archive that you meant',
    details: { source: path, ignored: listed.slice(0, LISTED), ignoredCount: count },
  });
}
