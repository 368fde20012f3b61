import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { compareSync } from 'bcryptjs';

interface Question {
  readonly id: number;
  readonly password: string;
  readonly hashes: readonly string[];
}

interface Answer {
  readonly id: number;
  readonly matches: boolean;
}

/** This file is its own thread, told apart by this: no other file of the package is loaded there. */
const ROLE = 'export-center/bcrypt';

if (!isMainThread && workerData === ROLE) {
  parentPort?.on('message', ({ id, password, hashes }: Question) => {
    const [first = '', ...others] = hashes;
    const matches = compareSync(password, first);
    if (!matches) for (const hash of others) compareSync(password, hash);
    parentPort?.postMessage({ id, matches } satisfies Answer);
  });
}

/** Compares passwords with bcrypt hashes, one at a time, in a thread of its own that starts with the first. */
export class BcryptThread {
  #worker: Worker | undefined;
  #asked = 0;
  readonly #waiting = new Map<number, PromiseWithResolvers<boolean>>();

  /** How many comparisons have not been answered. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether a password is the one of the first hash; where it is not, the others are compared as well. */
  async matches(password: string, hashes: readonly string[]): Promise<boolean> {
    this.#worker ??= this.#start();
    const id = this.#asked++;
    const answer = Promise.withResolvers<boolean>();
    this.#waiting.set(id, answer);
    this.#worker.postMessage({ id, password, hashes } satisfies Question);
    return await answer.promise;
  }

  /** Ends the thread; what waits for it fails. */
  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(new URL(import.meta.url), { workerData: ROLE, execArgv: [], env: {} });
    worker.unref();
    worker.on('message', ({ id, matches }: Answer) => {
      this.#waiting.get(id)?.resolve(matches);
      this.#waiting.delete(id);
    });
    let cause: unknown;
    worker.on('error', (error) => {
      cause = error;
    });
    worker.on('exit', () => {
      this.#worker = undefined;
      for (const answer of this.#waiting.values()) {
        answer.reject(new Error('the thread that checks passwords has ended', { cause }));
      }
      this.#waiting.clear();
    });
    return worker;
  }
}
