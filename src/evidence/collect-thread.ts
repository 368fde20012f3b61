import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type Collected, RecordCollector } from './record-collector.ts';
import type { Selector } from './select/selector.ts';
import { openSource } from './sources/open.ts';
import { SourcePart } from './sources/part.ts';
import { readTexts } from './sources/texts.ts';

/** What the thread is to do. */
interface Task {
  readonly path: string;
  readonly selector: Selector;
  /** For its files, which the caller removes. */
  readonly workDir: string;
}

/** What it has done. */
interface Result {
  readonly collected: Collected;
  /** The file, by place in the source, at which it stopped, since there is something about it to be said. */
  readonly stoppedAt: number | undefined;
}

type Message = { readonly records: number; readonly bytes: number } | { readonly result: Result };

/** This file is its own thread, told apart by this. */
const ROLE = 'export-center/collect';
/** Bytes of content between two messages about progress. */
const NOTE_EVERY = 8 * 1024 * 1024;

if (!isMainThread && workerData?.role === ROLE) await run(workerData.task as Task);

async function run({ path, selector, workDir }: Task): Promise<void> {
  const collector = new RecordCollector({ selector, workDir, withholdInvalid: false });
  const source = await openSource(path);
  const part = new SourcePart(source, 1);
  let isDone = false;
  try {
    isDone = await takePart(part, collector);
  } catch {
    // Whoever reads the file again says what is wrong with it.
  } finally {
    await source.close();
  }
  post({ result: { collected: await collector.share(), stoppedAt: isDone ? undefined : part.current } });
}

/** Whether all of it was records. */
async function takePart(part: SourcePart, collector: RecordCollector): Promise<boolean> {
  let noted = { records: 0, bytes: 0 };
  for await (const text of readTexts(part)) {
    if ('reason' in text) return false;
    await collector.take(part, text);
    if (collector.ignoredOf(part).count > 0) return false;
    if (collector.bytes < noted.bytes + NOTE_EVERY) continue;
    post({ records: collector.records - noted.records, bytes: collector.bytes - noted.bytes });
    noted = { records: collector.records, bytes: collector.bytes };
  }
  post({ records: collector.records - noted.records, bytes: collector.bytes - noted.bytes });
  return true;
}

function post(message: Message): void {
  parentPort?.postMessage(message);
}

/** Collects the second part of a source in a thread of its own. */
export class CollectThread {
  readonly #worker: Worker;
  readonly #result = Promise.withResolvers<Result>();
  readonly #signal: AbortSignal | undefined;
  readonly #abort = (): void => this.#result.reject(this.#signal?.reason);

  /**
   * Starts at once.
   *
   * @param task its folder must exist and be this thread's alone
   * @param noteRead is told of records and bytes each time that it has read some
   * @param signal ends the wait for the result
   */
  constructor(task: Task, noteRead: (records: number, bytes: number) => void, signal?: AbortSignal) {
    this.#signal = signal;
    signal?.addEventListener('abort', this.#abort);
    this.#worker = new Worker(new URL(import.meta.url), { workerData: { role: ROLE, task } });
    this.#worker.on('message', (message: Message) => {
      if ('result' in message) this.#result.resolve(message.result);
      else noteRead(message.records, message.bytes);
    });
    this.#worker.on('error', (error) => this.#result.reject(error));
    this.#worker.on('exit', () => this.#result.reject(new Error('the thread that reads records has ended early')));
    this.#result.promise.catch(() => undefined);
  }

  result(): Promise<Result> {
    return this.#result.promise;
  }

  /** Ends the thread, whatever it is doing. */
  async close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#abort);
    await this.#worker.terminate();
  }
}
