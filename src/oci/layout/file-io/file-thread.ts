import { createHash, type Hash } from 'node:crypto';
import { fsyncSync, readSync, writeSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/** What the thread is asked to do for one file; `hash` is the algorithm of its digest, if it is hashed. */
type Request =
  | { readonly op: 'begin'; readonly hash: string | undefined }
  | { readonly op: 'write'; readonly file: number; readonly bytes: Uint8Array }
  | { readonly op: 'read'; readonly file: number; readonly bytes: Uint8Array; readonly position: number }
  | { readonly op: 'digest' }
  | { readonly op: 'sync'; readonly file: number }
  | { readonly op: 'end' };

interface Question {
  readonly id: number;
  readonly job: number;
  readonly request: Request;
}

interface Answer {
  readonly id: number;
  /** Bytes read, or a digest in hex. */
  readonly value?: number | string | undefined;
  /** What the system said. */
  readonly fault?: { readonly message: string; readonly code?: string | undefined };
}

/** This file is its own thread, told apart by this: no other file of the package is loaded there. */
const ROLE = 'export-center/file-thread';

if (!isMainThread && workerData === ROLE) {
  const hashes = new Map<number, Hash>();
  parentPort?.on('message', ({ id, job, request }: Question) => {
    try {
      parentPort?.postMessage({ id, value: perform(hashes, job, request) } satisfies Answer);
    } catch (error) {
      const { message, code } = error as NodeJS.ErrnoException;
      parentPort?.postMessage({ id, fault: { message, code } } satisfies Answer);
    }
  });
}

/** Calls of the file system that wait: the thread has nothing else to do, and waking another one would take longer. */
function perform(hashes: Map<number, Hash>, job: number, request: Request): number | string | undefined {
  const hash = hashes.get(job);
  switch (request.op) {
    case 'begin':
      if (request.hash !== undefined) hashes.set(job, createHash(request.hash));
      return undefined;
    case 'write':
      hash?.update(request.bytes);
      for (let done = 0; done < request.bytes.byteLength; ) done += writeSync(request.file, request.bytes, done);
      return undefined;
    case 'read': {
      const size = readSync(request.file, request.bytes, 0, request.bytes.byteLength, request.position);
      hash?.update(request.bytes.subarray(0, size));
      return size;
    }
    case 'digest':
      return hash?.digest('hex');
    case 'sync':
      fsyncSync(request.file);
      return undefined;
    case 'end':
      hashes.delete(job);
      return undefined;
  }
}

/** A thread that reads, hashes and writes files. It is started at once, and keeps the process alive while it is asked. */
export class FileThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, PromiseWithResolvers<Answer['value']>>();
  #asked = 0;
  #jobs = 0;
  /** Why it has ended. */
  #ended: Error | undefined;

  constructor() {
    // No environment and no standard streams: nothing that it could show or leak.
    this.#worker = new Worker(new URL(import.meta.url), { workerData: ROLE, execArgv: [], env: {}, name: 'files' });
    this.#worker.unref();
    this.#worker.on('message', ({ id, value, fault }: Answer) => {
      const answer = this.#take(id);
      if (fault === undefined) answer?.resolve(value);
      else answer?.reject(Object.assign(new Error(fault.message), { code: fault.code }));
    });
    this.#worker.on('error', (cause) => this.#end(cause));
    this.#worker.on('exit', () => this.#end(undefined));
  }

  /** Files that are under way. */
  get jobs(): number {
    return this.#jobs;
  }

  /** Whether it has ended, so that another one is needed. */
  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** Numbers one more file that is under way. */
  begin(): number {
    this.#jobs++;
    return this.#asked++;
  }

  /** Forgets a file that is no longer under way; its descriptor may be closed. */
  end(job: number): void {
    this.#jobs--;
    void this.ask(job, { op: 'end' }).catch(() => undefined);
  }

  /** @throws Error with the `code` of the system */
  async ask(job: number, request: Request): Promise<Answer['value']> {
    if (this.#ended !== undefined) throw this.#ended;
    const id = this.#asked++;
    const answer = Promise.withResolvers<Answer['value']>();
    if (this.#waiting.size === 0) this.#worker.ref();
    this.#waiting.set(id, answer);
    this.#worker.postMessage({ id, job, request } satisfies Question);
    return await answer.promise;
  }

  /** Ends the thread; what waits for it fails. */
  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #take(id: number): PromiseWithResolvers<Answer['value']> | undefined {
    const answer = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker.unref();
    return answer;
  }

  #end(cause: unknown): void {
    this.#ended ??= new Error('the thread that writes files has ended', { cause });
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(this.#ended);
  }
}
