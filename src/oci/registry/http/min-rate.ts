import { MinRate, minBytesPerSecond } from '#core';
import type { ByteStream } from '#oci/image';

/** A body came too slowly. */
export class TooSlow extends Error {}

/**
 * Ends a body that trickles in: one byte now and then is no silence, and would hold the client for ever. Time in which
 * nobody asks for more does not count.
 *
 * @param windowMs as in MinRate
 * @param deadlineMs bounds the whole body, whatever its rate
 * @throws TooSlow, for the caller to say of which host
 */
export async function* watchRate(
  body: AsyncIterable<Uint8Array>,
  windowMs: number,
  deadlineMs: number = Number.POSITIVE_INFINITY,
): ByteStream {
  const rate = new MinRate(windowMs);
  let wholeMs = 0;
  let asked = performance.now();
  for await (const chunk of body) {
    const tookMs = performance.now() - asked;
    wholeMs += tookMs;
    rate.wait(tookMs);
    if (wholeMs > deadlineMs) throw new TooSlow(`not read within ${deadlineMs / 1000} s`);
    if (rate.count(chunk.byteLength) !== undefined) throw new TooSlow(`less than ${minBytesPerSecond} bytes/s`);
    yield chunk;
    asked = performance.now();
  }
}
