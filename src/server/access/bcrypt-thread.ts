import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { compareSync } from 'bcryptjs';

interface CompareRequest {
  readonly id: number;
  readonly password: string;
  readonly hashes: readonly string[];
}

interface CompareResult {
  readonly id: number;
  readonly matches: boolean;
}

/** This file is also the worker's entry, which it recognizes by this value; the worker loads no other file. */
const ROLE = 'export-center/bcrypt';

if (!isMainThread && workerData === ROLE) {
  parentPort?.on('message', ({ id, password, hashes }: CompareRequest) => {
    const [first = '', ...others] = hashes;
    const matches = compareSync(password, first);
    if (!matches) for (const hash of others) compareSync(password, hash);
    parentPort?.postMessage({ id, matches } satisfies CompareResult);
  });
}

/** Compares passwords with bcrypt hashes, one at a time, in a worker thread that starts with the first comparison. */
export class BcryptThread {
  #worker: Worker | undefined;
  #asked = 0;
  readonly #waiting = new Map<number, PromiseWithResolvers<boolean>>();

  /** How many comparisons are pending. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether a password matches the first hash. If it does not, it is compared with the others too, for equal timing. */
  async matches(password: string, hashes: readonly string[]): Promise<boolean> {
    this.#worker ??= this.#start();
    const id = this.#asked++;
    const answer = Promise.withResolvers<boolean>();
    this.#waiting.set(id, answer);
    this.#worker.postMessage({ id, password, hashes } satisfies CompareRequest);
    return await answer.promise;
  }

  /** Stops the thread; pending comparisons fail. */
  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(new URL(import.meta.url), { workerData: ROLE, execArgv: [], env: {} });
    worker.unref();
    worker.on('message', ({ id, matches }: CompareResult) => {
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
        answer.reject(new Error('the bcrypt worker thread exited', { cause }));
      }
      this.#waiting.clear();
    });
    return worker;
  }
}
