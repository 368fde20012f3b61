import type { Worker } from 'node:worker_threads';
import { CodedError, isCoded } from './errors.ts';

type Failure = Pick<CodedError, 'code' | 'message' | 'hint' | 'details'>;

type Message<Result, Note> = { readonly note: Note } | { readonly result: Result } | { readonly failure: Failure };

/** What a thread is given when it starts. */
interface Assignment {
  readonly role: string;
  readonly task: unknown;
}

/** How the main thread follows a task. */
export interface ThreadTaskOptions<Note> {
  /** Is given what the thread sends while it works. */
  readonly onNote?: ((note: Note) => void) | undefined;
  /** Ends the wait for the result. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * One task that a thread of its own does: it starts, works, sends one result and ends. The module that is started calls
 * `runThreadTask` with the same role.
 */
export class ThreadTask<Result> {
  readonly #worker: Worker;
  readonly #result = Promise.withResolvers<Result | undefined>();
  readonly #signal: AbortSignal | undefined;
  readonly #abort = (): void => this.#result.reject(this.#signal?.reason);

  private constructor(worker: Worker, signal: AbortSignal | undefined) {
    this.#worker = worker;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#abort);
    this.#result.promise.catch(() => undefined);
    // The thread was waited for; an event that has passed does not come again.
    if (signal?.aborted) this.#abort();
  }

  /**
   * Starts a thread.
   *
   * @param module the file that the thread runs
   * @param role by which that file knows that it is this task's thread
   * @param task plain data
   * @returns undefined if the system refuses the thread
   */
  static async start<Result, Note = never>(
    module: URL,
    role: string,
    task: unknown,
    { onNote, signal }: ThreadTaskOptions<Note> = {},
  ): Promise<ThreadTask<Result> | undefined> {
    // Most commands start no thread.
    const { Worker } = await import('node:worker_threads');
    let worker: Worker;
    try {
      worker = new Worker(module, { workerData: { role, task } satisfies Assignment });
    } catch {
      return undefined;
    }
    const started = new ThreadTask<Result>(worker, signal);
    const { resolve, reject } = started.#result;
    worker.on('message', (message: Message<Result, Note>) => {
      if ('note' in message) onNote?.(message.note);
      else if ('result' in message) resolve(message.result);
      else reject(codedErrorOf(message.failure));
    });
    worker.on('error', (error) => (isWantOfMemory(error) ? resolve(undefined) : reject(error)));
    worker.on('exit', () => resolve(undefined));
    return started;
  }

  /**
   * What the thread has done. Undefined if it ran out of memory or was ended: whoever does the task instead reports
   * what is wrong, if anything is.
   *
   * @throws the CodedError of the task, any other error of the thread, or the reason of the signal
   */
  result(): Promise<Result | undefined> {
    return this.#result.promise;
  }

  /** Ends the thread, whatever it is doing. */
  async close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#abort);
    await this.#worker.terminate();
  }
}

/**
 * Does a task, in the thread that ThreadTask started for this role; elsewhere it does nothing. Call it anywhere in the
 * module: the task begins when all of the module has been evaluated.
 *
 * @param run gets the task, and a function that sends notes to the main thread
 */
export async function runThreadTask<Task, Result, Note = never>(
  role: string,
  run: (task: Task, note: (note: Note) => void) => Promise<Result>,
): Promise<void> {
  const { isMainThread, parentPort, workerData } = await import('node:worker_threads');
  const assignment = workerData as Assignment | null;
  if (isMainThread || assignment?.role !== role) return;
  const post = (message: Message<Result, Note>): void => parentPort?.postMessage(message);
  try {
    post({ result: await run(assignment.task as Task, (note) => post({ note })) });
  } catch (error) {
    if (!isCoded(error)) throw error;
    const { code, message, hint, details } = error;
    post({ failure: { code, message, hint, details } });
  }
}

/** Any other error that has no code of ours is a fault of the program, which nobody would notice otherwise. */
function isWantOfMemory(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return (
    /^ERR_(?:WORKER_OUT_OF_MEMORY|WORKER_INIT_FAILED|MEMORY_ALLOCATION_FAILED)$/.test(code ?? '') ||
    /allocation failed/i.test(message)
  );
}

function codedErrorOf({ code, message, hint, details }: Failure): CodedError {
  return new CodedError(code, message, { details, ...(hint === undefined ? {} : { hint }) });
}
