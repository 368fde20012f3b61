import { rm } from 'node:fs/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
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

type Message = { readonly records: number; readonly bytes: number } | { readonly result: PartResult };

/** This file is its own thread, told apart by this. */
const ROLE = 'export-center/collect';
/** Bytes of content between two messages about progress. */
const NOTE_EVERY = 8 * 1024 * 1024;

if (!isMainThread && workerData?.role === ROLE) await run(workerData.task as Task);

async function run({ path, selector, workDir }: Task): Promise<void> {
  const collector = new RecordCollector({ selector, workDir, withholdInvalid: false });
  const unpacked: UnpackedCount = { bytes: 0 };
  const whole = new WholeFiles(collector, unpacked);
  const source = await openSource(path);
  const part = new SourcePart(source, 1, 0, () => whole.note());
  let isDone = false;
  try {
    isDone = await takePart(part, collector, unpacked);
  } catch {
    // Whoever reads the file again says what is wrong with it.
  } finally {
    await source.close();
  }
  if (isDone) whole.note();
  whole.tell();
  const stoppedAt = isDone ? undefined : part.current;
  post({ result: { collected: await collector.share(), stoppedAt, unpackedBytes: whole.unpackedBytes } });
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
  #records = 0;
  #bytes = 0;
  #unpackedBytes = 0;
  readonly #told = { records: 0, bytes: 0 };

  constructor(collector: RecordCollector, unpacked: UnpackedCount) {
    this.#collector = collector;
    this.#unpacked = unpacked;
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
    post({ records, bytes });
    this.#told.records += records;
    this.#told.bytes += bytes;
  }
}

function post(message: Message): void {
  parentPort?.postMessage(message);
}

/** Collects the second part of a source in a thread of its own. */
export class CollectThread {
  readonly #worker: Worker;
  readonly #workDir: string;
  readonly #result = Promise.withResolvers<PartResult | undefined>();
  readonly #signal: AbortSignal | undefined;
  readonly #abort = (): void => this.#result.reject(this.#signal?.reason);

  private constructor(worker: Worker, workDir: string, signal: AbortSignal | undefined) {
    this.#worker = worker;
    this.#workDir = workDir;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#abort);
    this.#result.promise.catch(() => undefined);
  }

  /**
   * Starts at once.
   *
   * @param task its folder must exist and be this thread's alone
   * @param noteRead is told of records and bytes each time that it has read some
   * @param signal ends the wait for the result
   * @returns undefined where the system gives no more threads
   */
  static start(
    task: Task,
    noteRead: (records: number, bytes: number) => void,
    signal?: AbortSignal,
  ): CollectThread | undefined {
    let worker: Worker;
    try {
      worker = new Worker(new URL(import.meta.url), { workerData: { role: ROLE, task } });
    } catch {
      return undefined;
    }
    const thread = new CollectThread(worker, task.workDir, signal);
    worker.on('message', (message: Message) => {
      if ('result' in message) thread.#result.resolve(message.result);
      else noteRead(message.records, message.bytes);
    });
    // For want of memory or disk space, say; whoever does its work instead says what is the matter.
    worker.on('error', () => thread.#result.resolve(undefined));
    worker.on('exit', () => thread.#result.resolve(undefined));
    return thread;
  }

  /**
   * What it has done, once it is done; undefined, and its files are gone, where it failed.
   *
   * @throws the reason of the signal
   */
  async result(): Promise<PartResult | undefined> {
    const result = await this.#result.promise;
    if (result === undefined) {
      await this.close();
      await rm(this.#workDir, { recursive: true, force: true });
    }
    return result;
  }

  /** Ends the thread, whatever it is doing. */
  async close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#abort);
    await this.#worker.terminate();
  }
}
