import { fdatasync } from 'node:fs';

/** What is gathered before the disk is told to take it. */
const FLUSH_BYTES = 16 * 1024 * 1024;

/** Writes a file to the disk while it still grows, so that the processor and the disk work at the same time. */
export class EarlyFlush {
  readonly #file: number;
  #unflushedBytes = 0;
  #flushing: Promise<void> | undefined;
  #fault: Error | undefined;

  /** @param file its descriptor, open until `end` */
  constructor(file: number) {
    this.#file = file;
  }

  /** Counts what was appended. */
  add(sizeBytes: number): void {
    this.#unflushedBytes += sizeBytes;
    if (this.#unflushedBytes < FLUSH_BYTES || this.#flushing !== undefined || this.#fault !== undefined) return;
    this.#unflushedBytes = 0;
    this.#flushing = this.#flush();
  }

  /** Waits for what is under way. @throws what the system said, which it says only once */
  async end(): Promise<void> {
    await this.#flushing;
    if (this.#fault !== undefined) throw this.#fault;
  }

  async #flush(): Promise<void> {
    const error = await new Promise<Error | null>((resolve) => fdatasync(this.#file, resolve));
    this.#flushing = undefined;
    if (error !== null) this.#fault = error;
  }
}
