import { availableParallelism } from 'node:os';
import type { Digest, DigestAlgorithm } from '#core';
import { FileThread } from './file-thread.ts';

/** On a single core, another thread has no time of its own. */
const MAX_THREADS = Math.min(2, availableParallelism());
/** How long a thread without work is kept for the next large file. */
const IDLE_MS = 2000;
/** What is gathered of small chunks before the thread is woken. */
const BATCH_BYTES = 512 * 1024;
const BATCHES = 2;

const threads: FileThread[] = [];
let idle: NodeJS.Timeout | undefined;

/** The thread with the fewest files; undefined on a machine with one core, or where the system gives no more threads. */
function leastBusy(): FileThread | undefined {
  if (MAX_THREADS < 2) return undefined;
  threads.splice(0, threads.length, ...threads.filter(({ ended }) => !ended));
  const [least] = threads.toSorted((a, b) => a.jobs - b.jobs);
  if (threads.length === MAX_THREADS || least?.jobs === 0) return least;
  try {
    const started = new FileThread();
    threads.push(started);
    return started;
  } catch {
    return least;
  }
}

function endIdle(): void {
  clearTimeout(idle);
  if (threads.some(({ jobs }) => jobs > 0)) return;
  idle = setTimeout(() => {
    for (const thread of threads.splice(0)) void thread.close();
  }, IDLE_MS);
  idle.unref();
}

/** An open file that is read or written, and hashed, on another thread. Whoever opened it closes it, after `end`. */
export class ThreadedFile {
  readonly #thread: FileThread;
  readonly #job: number;
  readonly #file: number;
  readonly #algorithm: DigestAlgorithm | undefined;
  /** Copies of chunks that are not in shared memory. */
  readonly #batches: Batch[] = [];
  #ended = false;

  private constructor(thread: FileThread, file: number, algorithm: DigestAlgorithm | undefined) {
    this.#thread = thread;
    this.#job = thread.begin();
    this.#file = file;
    this.#algorithm = algorithm;
  }

  /** See openOnThread. */
  static async open(file: number, algorithm: DigestAlgorithm | undefined): Promise<ThreadedFile | undefined> {
    const thread = leastBusy();
    if (thread === undefined) return undefined;
    clearTimeout(idle);
    const opened = new ThreadedFile(thread, file, algorithm);
    try {
      await thread.ask(opened.#job, { op: 'begin', hash: algorithm });
      return opened;
    } catch {
      // Where the system gives no more threads, this one does the work.
      await opened.end();
      return undefined;
    }
  }

  /**
   * Appends a chunk. One in shared memory may be reused once this is done; of others a copy is taken, which is written
   * by the time of `digest` or `sync`.
   *
   * @throws Error with the `code` of the system
   */
  async write(chunk: Uint8Array): Promise<void> {
    if (chunk.buffer instanceof SharedArrayBuffer) {
      await this.#flush();
      await this.#write(chunk);
      return;
    }
    for (let done = 0; done < chunk.byteLength; ) {
      const batch = await this.#openBatch();
      done += batch.add(chunk.subarray(done));
      if (batch.isFull) this.#send(batch);
    }
  }

  /** Reads into shared memory, and hashes it. @returns bytes read */
  async read(buffer: Uint8Array, position: number): Promise<number> {
    return Number(await this.#thread.ask(this.#job, { op: 'read', file: this.#file, bytes: buffer, position }));
  }

  /** The digest of all that was written or read. */
  async digest(): Promise<Digest> {
    await this.#flush();
    return `${this.#algorithm}:${await this.#thread.ask(this.#job, { op: 'digest' })}` as Digest;
  }

  /** Makes what was written survive a power cut. */
  async sync(): Promise<void> {
    await this.#flush();
    await this.#thread.ask(this.#job, { op: 'sync', file: this.#file });
  }

  /** Waits for what is under way; the file is at rest then, and may be closed. */
  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await Promise.allSettled(this.#batches.map(({ written }) => written));
    this.#thread.end(this.#job);
    endIdle();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await this.#thread.ask(this.#job, { op: 'write', file: this.#file, bytes });
  }

  async #openBatch(): Promise<Batch> {
    const last = this.#batches.at(-1);
    if (last !== undefined && last.written === undefined) return last;
    if (this.#batches.length < BATCHES) {
      const fresh = new Batch();
      this.#batches.push(fresh);
      return fresh;
    }
    const reused = this.#batches.shift() as Batch;
    this.#batches.push(reused);
    await reused.written;
    reused.clear();
    return reused;
  }

  #send(batch: Batch): void {
    batch.written = this.#write(batch.bytes);
    // Whoever waits for it hears of its failure.
    batch.written.catch(() => undefined);
  }

  async #flush(): Promise<void> {
    const last = this.#batches.at(-1);
    if (last !== undefined && last.written === undefined) this.#send(last);
    for (const { written } of this.#batches) await written;
  }
}

/** Shared memory that chunks are gathered in. */
class Batch {
  readonly #memory = new Uint8Array(new SharedArrayBuffer(BATCH_BYTES));
  #size = 0;
  /** Once it is sent. */
  written: Promise<void> | undefined;

  get bytes(): Uint8Array {
    return this.#memory.subarray(0, this.#size);
  }

  get isFull(): boolean {
    return this.#size === BATCH_BYTES;
  }

  /** @returns how many of the bytes it took */
  add(bytes: Uint8Array): number {
    const part = bytes.subarray(0, BATCH_BYTES - this.#size);
    this.#memory.set(part, this.#size);
    this.#size += part.byteLength;
    return part.byteLength;
  }

  clear(): void {
    this.#size = 0;
    this.written = undefined;
  }
}
