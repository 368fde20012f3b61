import type { ByteStream } from '#oci/image';

/** Bytes a second that a body brings at least, on average over as long as the other side may be silent. */
const MIN_BYTES_PER_SECOND = 1024;

/** A body came too slowly. */
export class TooSlow extends Error {}

/**
 * Ends a body that trickles in: one byte now and then is no silence, and would hold the client for ever. Time in which
 * nobody asks for more does not count.
 */
export class MinRateGuard {
  readonly #windowMs: number;
  readonly #deadlineMs: number;

  /**
   * @param windowMs how long a slow stretch may last; `deadlineMs` bounds the whole body, whatever its rate
   */
  constructor(windowMs: number, deadlineMs: number = Number.POSITIVE_INFINITY) {
    this.#windowMs = windowMs;
    this.#deadlineMs = deadlineMs;
  }

  /** @throws TooSlow, for the caller to say of which host */
  async *watch(body: AsyncIterable<Uint8Array>): ByteStream {
    let [waitedMs, windowBytes, wholeMs] = [0, 0, 0];
    let asked = performance.now();
    for await (const chunk of body) {
      const tookMs = performance.now() - asked;
      waitedMs += tookMs;
      wholeMs += tookMs;
      windowBytes += chunk.byteLength;
      if (wholeMs > this.#deadlineMs) throw new TooSlow(`not read within ${this.#deadlineMs / 1000} s`);
      if (waitedMs >= this.#windowMs) {
        const minBytes = (MIN_BYTES_PER_SECOND * waitedMs) / 1000;
        if (windowBytes < minBytes) throw new TooSlow(`less than ${MIN_BYTES_PER_SECOND} bytes/s`);
        [waitedMs, windowBytes] = [0, 0];
      }
      yield chunk;
      asked = performance.now();
    }
  }
}
