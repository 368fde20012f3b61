import { createHash, type Hash } from 'node:crypto';
import { fsyncSync, readSync, writeSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { Peer } from '#oci/image';
import { EarlyFlush } from './early-flush.ts';
import type { Receiver } from './receiver.ts';

/** What the thread is asked to do for one file. */
export type FileRequest =
  | { readonly op: 'begin'; readonly file: number; readonly durable: boolean }
  | { readonly op: 'hash'; readonly algorithm: string }
  | { readonly op: 'write'; readonly bytes: Uint8Array }
  | { readonly op: 'read'; readonly bytes: Uint8Array; readonly position: number }
  | { readonly op: 'connect'; readonly peer: Peer; readonly request: string }
  | { readonly op: 'next' }
  | { readonly op: 'receive'; readonly size: number }
  | { readonly op: 'disconnect' }
  | { readonly op: 'digest' }
  | { readonly op: 'sync' }
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
  /** Its descriptor. */
  readonly file: number;
  /** For a file that is to be on the disk at its end. */
  readonly flush: EarlyFlush | undefined;
  hash: Hash | undefined;
  receiver: Receiver | undefined;
}

/** This file is its own thread, told apart by this: early-flush.ts and receiver.ts are all that is loaded there beside it. */
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
  if (request.op === 'begin') begin(jobs, id, request);
  const job = jobs.get(id);
  if (job === undefined) return undefined;
  switch (request.op) {
    case 'begin':
      return undefined;
    case 'hash':
      job.hash = createHash(request.algorithm);
      return undefined;
    case 'write':
      append(job, request.bytes);
      return undefined;
    case 'read':
      return read(job, request.bytes, request.position);
    case 'connect':
      return connect(job, request.peer, request.request);
    case 'next':
      return job.receiver?.next();
    case 'receive':
      return job.receiver?.receive(request.size, (bytes) => append(job, bytes));
    case 'disconnect':
      job.receiver?.end();
      return undefined;
    case 'digest':
      return job.hash?.digest('hex');
    case 'sync':
      return sync(job);
    case 'end':
      jobs.delete(id);
      return end(job);
  }
}

function begin(jobs: Map<number, Job>, id: number, { file, durable }: { file: number; durable: boolean }): void {
  jobs.set(id, { file, flush: durable ? new EarlyFlush(file) : undefined, hash: undefined, receiver: undefined });
}

function append({ file, hash, flush }: Job, bytes: Uint8Array): void {
  hash?.update(bytes);
  for (let done = 0; done < bytes.byteLength; ) done += writeSync(file, bytes, done);
  flush?.add(bytes.byteLength);
}

function read({ file, hash }: Job, bytes: Uint8Array, position: number): number {
  const size = readSync(file, bytes, 0, bytes.byteLength, position);
  hash?.update(bytes.subarray(0, size));
  return size;
}

async function sync({ file, flush }: Job): Promise<undefined> {
  await flush?.end();
  fsyncSync(file);
}

/** Afterwards the descriptor may be closed. */
async function end({ receiver, flush }: Job): Promise<undefined> {
  receiver?.end();
  // Who wanted to know of a fault has asked for a sync.
  await flush?.end().catch(() => undefined);
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
    // Nothing that it could show or leak, but where compiled modules are kept: without them, a checkout strips types anew.
    const cache = process.env['NODE_COMPILE_CACHE'];
    const env = cache === undefined ? {} : { NODE_COMPILE_CACHE: cache };
    this.#worker = new Worker(new URL(import.meta.url), { workerData: ROLE, execArgv: [], env, name: 'files' });
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
