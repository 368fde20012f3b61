import { availableParallelism } from 'node:os';
import type { Digest, DigestAlgorithm } from '#core';
import type { ByteStream, Peer, ReceivingConnection, ReceivingFile } from '#oci/image';
import { type FileRequest, FileThread } from './file-thread.ts';

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

/** How long the receipt for what came at once may be. */
const RECEIPT_BYTES = 8 * 1024 * 1024;
/** What receipts are parts of: memory that nobody writes to, so that the system gives none. */
let receipts: SharedArrayBuffer | undefined;

/** An open file that is read, written or received, and hashed, on another thread. Whoever opened it closes it, after `end`. */
export class ThreadedFile implements ReceivingFile {
  readonly #thread: FileThread;
  readonly #job: number;
  #algorithm: DigestAlgorithm | undefined;
  /** Copies of chunks that are not in shared memory. */
  readonly #batches: Batch[] = [];
  /** Why the file could not be written while something was received. */
  #fault: { readonly error: unknown } | undefined;
  #ended = false;

  private constructor(thread: FileThread) {
    this.#thread = thread;
    this.#job = thread.begin();
  }

  /** See openOnThread. */
  static async open(file: number, durable: boolean): Promise<ThreadedFile | undefined> {
    const thread = leastBusy();
    if (thread === undefined) return undefined;
    clearTimeout(idle);
    const opened = new ThreadedFile(thread);
    try {
      await opened.#ask({ op: 'begin', file, durable });
      return opened;
    } catch {
      // Where the system gives no more threads, this one does the work.
      await opened.end();
      return undefined;
    }
  }

  /** Has all hashed; before the first byte. */
  async hash(algorithm: DigestAlgorithm): Promise<void> {
    this.#algorithm = algorithm;
    await this.#ask({ op: 'hash', algorithm });
  }

  async connect(peer: Peer, request: string): Promise<ReceivingConnection> {
    await this.#ask({ op: 'connect', peer, request });
    return {
      next: async () => (await this.#ask({ op: 'next' })) as Uint8Array,
      receive: (sizeBytes) => this.#receive(sizeBytes),
      end: () => void this.#ask({ op: 'disconnect' }).catch(() => undefined),
    };
  }

  /**
   * Appends a chunk. One in shared memory may be reused once this is done; of others a copy is taken, which is written
   * by the time of `digest` or `sync`. A receipt stands for bytes that are in the file.
   *
   * @throws Error with the `code` of the system
   */
  async write(chunk: Uint8Array): Promise<void> {
    if (this.#fault !== undefined) throw this.#fault.error;
    if (chunk.buffer === receipts) return;
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
    return Number(await this.#ask({ op: 'read', bytes: buffer, position }));
  }

  /** The digest of all that was written or read. */
  async digest(): Promise<Digest> {
    await this.#flush();
    return `${this.#algorithm}:${await this.#ask({ op: 'digest' })}` as Digest;
  }

  /** Makes what was written survive a power cut. */
  async sync(): Promise<void> {
    await this.#flush();
    await this.#ask({ op: 'sync' });
  }

  /** Waits for what is under way; the file is at rest then, and may be closed. */
  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await Promise.allSettled(this.#batches.map(({ written }) => written));
    await this.#thread.end(this.#job);
    endIdle();
  }

  /** Receipts for what comes; the fault of the file is for `write` to throw, so that nobody takes it for one of the network. */
  async *#receive(sizeBytes: number): ByteStream {
    for (let left = sizeBytes; left > 0; ) {
      let size = 1;
      try {
        // What was written before comes before it.
        await this.#flush();
        size = Number(await this.#ask({ op: 'receive', size: sizeBytes }));
      } catch (error) {
        if ((error as { ofConnection?: boolean }).ofConnection === true) throw error;
        this.#fault = { error };
      }
      left -= size;
      yield* receiptsFor(size);
    }
  }

  #ask(request: FileRequest): ReturnType<FileThread['ask']> {
    return this.#thread.ask(this.#job, request);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await this.#ask({ op: 'write', bytes });
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

function* receiptsFor(sizeBytes: number): Generator<Uint8Array> {
  receipts ??= new SharedArrayBuffer(RECEIPT_BYTES);
  for (let left = sizeBytes; left > 0; left -= RECEIPT_BYTES) {
    yield new Uint8Array(receipts, 0, Math.min(left, RECEIPT_BYTES));
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
