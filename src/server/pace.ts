import { performance } from 'node:perf_hooks';
import { CodedError } from '#core';

/** A client is judged each time that it has kept us waiting for so long in all. */
const JUDGED_AFTER_MS = 30_000;
/** What must have moved meanwhile: 1 KiB a second, below what any line gives and above what holds a connection open. */
const LEAST_BYTES = 30 * 1024;

/** Watches how fast the other side takes or gives bytes. Only time spent waiting for it counts. */
export class Pace {
  #waitedMs = 0;
  #bytes = 0;

  /** Waits for the other side. A wait without end is the socket's time-out's to cut. */
  async wait<T>(step: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await step();
    this.#waitedMs += performance.now() - start;
    return result;
  }

  /** Counts bytes that have moved. @throws CodedError ERR_EXPORT_NETWORK when they were too few for the time */
  moved(sizeBytes: number): void {
    this.#bytes += sizeBytes;
    if (this.#waitedMs < JUDGED_AFTER_MS) return;
    if (this.#bytes < LEAST_BYTES) {
      throw new CodedError('ERR_EXPORT_NETWORK', `only ${this.#bytes} bytes in ${JUDGED_AFTER_MS / 1000} seconds`, {
        hint: 'try again on a faster line',
      });
    }
    this.#waitedMs = 0;
    this.#bytes = 0;
  }
}
