import { isCoded, runThreadTask, ThreadTask, type ThreadTaskOptions } from '#core';
import { type Collected, RecordCollector } from './record-collector.ts';
import type { Selector } from './select/selector.ts';
import { openSource } from './sources/open.ts';
import { SourcePart } from './sources/part.ts';
import { readTexts, type UnpackedCount } from './sources/texts.ts';

/** What the thread is to do. */
interface Task {
  readonly path: string;
  readonly selector: Selector;
  /** For its files, which the caller removes. */
  readonly workDir: string;
}

/** What it has done: of the second part, the files before the one at which it stopped. */
export interface PartResult {
  readonly collected: Collected;
  /** The file, by place in the source, at which it stopped, since there is something about it to be said. */
  readonly stoppedAt: number | undefined;
  /** Bytes that the files before that one have unpacked to. */
  readonly unpackedBytes: number;
}

/** What was read since the last such note. */
interface ReadNote {
  readonly records: number;
  readonly bytes: number;
}

type Tell = (note: ReadNote) => void;

/** This file is its own thread, told apart by this. */
const ROLE = 'export-center/collect';
/** Bytes of content between two messages about progress. */
const NOTE_EVERY = 8 * 1024 * 1024;

void runThreadTask(ROLE, collectPart);

async function collectPart({ path, selector, workDir }: Task, tell: Tell): Promise<PartResult> {
  const collector = new RecordCollector({ selector, workDir, withholdInvalid: false });
  const unpacked: UnpackedCount = { bytes: 0 };
  const whole = new WholeFiles(collector, unpacked, tell);
  const source = await openSource(path);
  const part = new SourcePart(source, 1, 0, () => whole.note());
  let isDone = false;
  try {
    isDone = await takePart(part, collector, unpacked);
  } catch (error) {
    // Whoever reads the file again says what is wrong with it.
    if (!isCoded(error)) throw error;
  } finally {
    await source.close();
  }
  if (isDone) whole.note();
  whole.tell();
  const stoppedAt = isDone ? undefined : part.current;
  return { collected: await collector.share(), stoppedAt, unpackedBytes: whole.unpackedBytes };
}

/** Whether all of it was records. */
async function takePart(part: SourcePart, collector: RecordCollector, unpacked: UnpackedCount): Promise<boolean> {
  for await (const text of readTexts(part, unpacked)) {
    if ('reason' in text) return false;
    await collector.take(part, text);
    if (collector.ignoredOf(part).count > 0) return false;
  }
  return true;
}

/** Counts what was read of files up to their ends: the one at which the thread stops is read again by another. */
class WholeFiles {
  readonly #collector: RecordCollector;
  readonly #unpacked: UnpackedCount;
  readonly #tell: Tell;
  #records = 0;
  #bytes = 0;
  #unpackedBytes = 0;
  readonly #told = { records: 0, bytes: 0 };

  constructor(collector: RecordCollector, unpacked: UnpackedCount, tell: Tell) {
    this.#collector = collector;
    this.#unpacked = unpacked;
    this.#tell = tell;
  }

  get unpackedBytes(): number {
    return this.#unpackedBytes;
  }

  /** Notes that all files so far were read to their ends. */
  note(): void {
    this.#records = this.#collector.records;
    this.#bytes = this.#collector.bytes;
    this.#unpackedBytes = this.#unpacked.bytes;
    if (this.#bytes >= this.#told.bytes + NOTE_EVERY) this.tell();
  }

  /** Tells the other thread of what it was not told of before. */
  tell(): void {
    const [records, bytes] = [this.#records - this.#told.records, this.#bytes - this.#told.bytes];
    this.#tell({ records, bytes });
    this.#told.records += records;
    this.#told.bytes += bytes;
  }
}

/**
 * Collects the second part of a source in a thread of its own.
 *
 * @param task its folder must exist and be this thread's alone
 * @returns undefined if the system refuses the thread
 */
export function startCollecting(
  task: Task,
  options: ThreadTaskOptions<ReadNote>,
): Promise<ThreadTask<PartResult> | undefined> {
  return ThreadTask.start<PartResult, ReadNote>(new URL(import.meta.url), ROLE, task, options);
}
