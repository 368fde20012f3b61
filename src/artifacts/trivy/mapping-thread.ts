import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { CodedError, isCoded } from '#core';
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

/** What it has done, and the files in which that is. */
interface Result {
  readonly mapped: Mapped;
  readonly files: Readonly<Record<keyof MappingTarget, readonly string[]>>;
}

type Failure = Pick<CodedError, 'code' | 'message' | 'hint' | 'details'>;

type Message = { readonly read: number } | { readonly result: Result } | { readonly failure: Failure };

/** This file is its own thread, told apart by this. */
const ROLE = 'export-center/trivy-db';

if (!isMainThread && workerData?.role === ROLE) await run(workerData.task as Task);

async function run({ records, range, folder, options }: Task): Promise<void> {
  try {
    const target = openTarget(folder);
    const mapped = await new AdvisoryMapper(target, options).read(counted(readSharedRecords(records, folder, range)));
    const files = {
      rows: await target.rows.files(),
      advisories: await target.advisories.files(),
      losses: await target.losses.files(),
    };
    post({ result: { mapped, files } });
  } catch (error) {
    if (!isCoded(error)) throw error;
    const { code, message, hint, details } = error;
    post({ failure: { code, message, hint, details } });
  }
}

async function* counted<T>(batches: AsyncIterable<readonly T[]>): AsyncGenerator<readonly T[]> {
  for await (const batch of batches) {
    yield batch;
    post({ read: batch.length });
  }
}

function post(message: Message): void {
  parentPort?.postMessage(message);
}

/** Maps a range of records in a thread of its own. */
export class MappingThread {
  readonly #worker: Worker;
  readonly #result = Promise.withResolvers<Result | undefined>();
  readonly #signal: AbortSignal | undefined;
  readonly #abort = (): void => this.#result.reject(this.#signal?.reason);

  private constructor(worker: Worker, signal: AbortSignal | undefined) {
    this.#worker = worker;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#abort);
    this.#result.promise.catch(() => undefined);
  }

  /**
   * Starts at once.
   *
   * @param task its folder must exist and be this thread's alone
   * @param signal ends the wait for the result
   * @returns undefined where the system gives no more threads
   */
  static start({ records: { noteRead, ...records }, ...task }: Task, signal?: AbortSignal): MappingThread | undefined {
    let worker: Worker;
    try {
      worker = new Worker(new URL(import.meta.url), { workerData: { role: ROLE, task: { ...task, records } } });
    } catch {
      return undefined;
    }
    const thread = new MappingThread(worker, signal);
    worker.on('message', (message: Message) => {
      if ('read' in message) noteRead?.(message.read);
      else if ('result' in message) thread.#result.resolve(message.result);
      else thread.#result.reject(codedErrorOf(message.failure));
    });
    // For want of memory, say; whoever does its work instead says what is the matter.
    worker.on('error', () => thread.#result.resolve(undefined));
    worker.on('exit', () => thread.#result.resolve(undefined));
    return thread;
  }

  /**
   * Waits for the thread, and adds what it has made behind what is in the target.
   *
   * @returns undefined where it failed, and nothing was added
   * @throws what mapping throws
   */
  async addTo({ rows, advisories, losses }: MappingTarget): Promise<Mapped | undefined> {
    const result = await this.#result.promise;
    if (result === undefined) return undefined;
    const { mapped, files } = result;
    await rows.adopt(files.rows);
    await advisories.adopt(files.advisories);
    await losses.adopt(files.losses);
    return mapped;
  }

  /** Ends the thread, whatever it is doing. */
  async close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#abort);
    await this.#worker.terminate();
  }
}

function codedErrorOf({ code, message, hint, details }: Failure): CodedError {
  return new CodedError(code, message, { details, ...(hint === undefined ? {} : { hint }) });
}
