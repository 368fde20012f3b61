import { createHash, type Hash } from 'node:crypto';
import { fsyncSync, readSync, writeSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { Peer } from '#oci/image';
import type { Receiver } from './receiver.ts';

/** What the thread is asked to do for one file. */
export type FileRequest =
  | { readonly op: 'begin' }
  | { readonly op: 'hash'; readonly algorithm: string }
  | { readonly op: 'write'; readonly file: number; readonly bytes: Uint8Array }
  | { readonly op: 'read'; readonly file: number; readonly bytes: Uint8Array; readonly position: number }
  | { readonly op: 'connect'; readonly peer: Peer; readonly request: string }
  | { readonly op: 'next' }
  | { readonly op: 'receive'; readonly file: number; readonly size: number }
  | { readonly op: 'disconnect' }
  | { readonly op: 'digest' }
  | { readonly op: 'sync'; readonly file: number }
  | { readonly op: 'end' };

interface Question {
  readonly id: number;
  readonly job: number;
  readonly request: FileRequest;
}

interface Answer {
  readonly id: number;
  /** Bytes read or received, a number of them, or a digest in hex. */
  readonly value?: Uint8Array | number | string | undefined;
  /** What the system said, and whether of the connection. */
  readonly fault?: {
    readonly message: string;
    readonly code?: string | undefined;
    readonly ofConnection?: boolean | undefined;
  };
}

/** What the thread keeps of a file that is under way. */
interface Job {
  hash: Hash | undefined;
  receiver: Receiver | undefined;
}

/** This file is its own thread, told apart by this: only receiver.ts is loaded there beside it, when it is needed. */
const ROLE = 'export-center/file-thread';

if (!isMainThread && workerData === ROLE) {
  const jobs = new Map<number, Job>();
  parentPort?.on('message', async ({ id, job, request }: Question) => {
    try {
      parentPort?.postMessage({ id, value: await perform(jobs, job, request) } satisfies Answer);
    } catch (error) {
      const { message, code, ofConnection } = error as NodeJS.ErrnoException & { ofConnection?: boolean };
      parentPort?.postMessage({ id, fault: { message, code, ofConnection } } satisfies Answer);
    }
  });
}

/** Calls of the file system that wait: waking another thread for them would take longer. Only connections wait idly. */
function perform(jobs: Map<number, Job>, id: number, request: FileRequest): Answer['value'] | Promise<Answer['value']> {
  if (request.op === 'begin') jobs.set(id, { hash: undefined, receiver: undefined });
  const job = jobs.get(id);
  if (job === undefined) return undefined;
  switch (request.op) {
    case 'begin':
      return undefined;
    case 'hash':
      job.hash = createHash(request.algorithm);
      return undefined;
    case 'write':
      job.hash?.update(request.bytes);
      for (let done = 0; done < request.bytes.byteLength; ) done += writeSync(request.file, request.bytes, done);
      return undefined;
    case 'read': {
      const size = readSync(request.file, request.bytes, 0, request.bytes.byteLength, request.position);
      job.hash?.update(request.bytes.subarray(0, size));
      return size;
    }
    case 'connect':
      return connect(job, request.peer, request.request);
    case 'next':
      return job.receiver?.next();
    case 'receive':
      return job.receiver?.receive(request.size, { file: request.file, hash: job.hash });
    case 'disconnect':
      job.receiver?.end();
      return undefined;
    case 'digest':
      return job.hash?.digest('hex');
    case 'sync':
      fsyncSync(request.file);
      return undefined;
    case 'end':
      job.receiver?.end();
      jobs.delete(id);
      return undefined;
  }
}

async function connect(job: Job, peer: Peer, request: string): Promise<undefined> {
  const { Receiver } = await import('./receiver.ts');
  job.receiver = await Receiver.connect(peer, request);
}

/** A thread that reads, receives, hashes and writes files. It is started at once, and keeps the process alive while it is asked. */
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
      else answer?.reject(Object.assign(new Error(fault.message), fault));
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

  /** Forgets a file that is no longer under way; its descriptor may be closed afterwards. */
  async end(job: number): Promise<void> {
    this.#jobs--;
    await this.ask(job, { op: 'end' }).catch(() => undefined);
  }

  /** @throws Error with the `code` of the system */
  async ask(job: number, request: FileRequest): Promise<Answer['value']> {
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
