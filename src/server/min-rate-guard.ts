import { performance } from 'node:perf_hooks';
import { CodedError } from '#core';

/** The lowest rate at which a client may send or receive. */
export interface MinRateLimits {
  /** The rate is checked each time that the server has waited for the client for this long in total. */
  readonly windowMs: number;
  /** Fewer bytes than this in one window are an error. */
  readonly minBytes: number;
}

/** 1 KiB/s: slower than any real connection, and too fast for a client that only keeps a connection open (slowloris). */
const LIMITS: MinRateLimits = { windowMs: 30_000, minBytes: 30 * 1024 };

/** Measures how fast a client sends or receives. Only the time spent waiting for the client counts. */
export class MinRateGuard {
  readonly #limits: MinRateLimits;
  readonly #now: () => number;
  #waitedMs = 0;
  #countedUntil = 0;
  #bytes = 0;

  /** @param now milliseconds of a clock that only goes forward */
  constructor(limits: MinRateLimits = LIMITS, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Waits for the client; overlapping waits count once. The socket's time-out ends a wait in which nothing happens. */
  async wait<T>(step: () => Promise<T>): Promise<T> {
    const start = this.#now();
    const result = await step();
    const end = this.#now();
    this.#waitedMs += end - Math.max(start, this.#countedUntil);
    this.#countedUntil = end;
    return result;
  }

  /** Counts transferred bytes. @throws CodedError ERR_EXPORT_NETWORK when the rate is below the minimum */
  count(sizeBytes: number): void {
    this.#bytes += sizeBytes;
    if (this.#waitedMs < this.#limits.windowMs) return;
    if (this.#bytes < this.#limits.minBytes) {
      const seconds = Math.round(this.#waitedMs / 1000);
      throw new CodedError(
        'ERR_EXPORT_NETWORK',
        `the client transferred only ${this.#bytes} bytes in ${seconds} seconds`,
        {
          hint: 'retry over a faster connection',
        },
      );
    }
    this.#waitedMs = 0;
    this.#bytes = 0;
  }
}
