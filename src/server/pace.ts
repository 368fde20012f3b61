import { performance } from 'node:perf_hooks';
import { CodedError } from '#core';

/** How slow a client may be. */
export interface PaceLimits {
  /** It is judged each time that it has kept us waiting for so long in all. */
  readonly judgedAfterMs: number;
  /** What must have moved meanwhile. */
  readonly leastBytes: number;
}

/** 1 KiB a second: below what any line gives, and above what it takes to hold a connection open for nothing. */
const LIMITS: PaceLimits = { judgedAfterMs: 30_000, leastBytes: 30 * 1024 };

/** Watches how fast the other side takes or gives bytes. Only time spent waiting for it counts. */
export class Pace {
  readonly #limits: PaceLimits;
  readonly #now: () => number;
  #waitedMs = 0;
  #countedUntil = 0;
  #bytes = 0;

  /** @param now milliseconds of a clock that only goes forward */
  constructor(limits: PaceLimits = LIMITS, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Waits for the other side; waits that overlap count once. A wait without end is the socket's time-out's to cut. */
  async wait<T>(step: () => Promise<T>): Promise<T> {
    const start = this.#now();
    const result = await step();
    const end = this.#now();
    this.#waitedMs += end - Math.max(start, this.#countedUntil);
    this.#countedUntil = end;
    return result;
  }

  /** Counts bytes that have moved. @throws CodedError ERR_EXPORT_NETWORK when they were too few for the time */
  moved(sizeBytes: number): void {
    this.#bytes += sizeBytes;
    if (this.#waitedMs < this.#limits.judgedAfterMs) return;
    if (this.#bytes < this.#limits.leastBytes) {
      const seconds = Math.round(this.#waitedMs / 1000);
      throw new CodedError('ERR_EXPORT_NETWORK', `only ${this.#bytes} bytes in ${seconds} seconds`, {
        hint: 'try again on a faster line',
      });
    }
    this.#waitedMs = 0;
    this.#bytes = 0;
  }
}
