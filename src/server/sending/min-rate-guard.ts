import { performance } from 'node:perf_hooks';
import { CodedError, MinRate } from '#core';

const WINDOW_MS = 30_000;

/** Ends requests of clients that send or receive too slowly. Only the time spent waiting for the client counts. */
export class MinRateGuard {
  readonly #rate: MinRate;
  readonly #now: () => number;
  #countedUntil = 0;

  /**
   * @param windowMs as in MinRate
   * @param now milliseconds of a clock that only goes forward
   */
  constructor(windowMs: number = WINDOW_MS, now: () => number = () => performance.now()) {
    this.#rate = new MinRate(windowMs);
    this.#now = now;
  }

  /** Waits for the client; overlapping waits count once. The socket's time-out ends a wait in which nothing happens. */
  async wait<T>(step: () => Promise<T>): Promise<T> {
    const start = this.#now();
    const result = await step();
    const end = this.#now();
    this.#rate.wait(end - Math.max(start, this.#countedUntil));
    this.#countedUntil = end;
    return result;
  }

  /** Counts transferred bytes. @throws CodedError ERR_EXPORT_NETWORK when the rate is below the minimum */
  count(sizeBytes: number): void {
    const slow = this.#rate.count(sizeBytes);
    if (slow === undefined) return;
    const seconds = Math.round(slow.waitedMs / 1000);
    throw new CodedError(
      'ERR_EXPORT_NETWORK',
      `the client transferred only ${slow.sizeBytes} bytes in ${seconds} seconds`,
      {
        hint: 'retry over a faster connection',
      },
    );
  }
}
