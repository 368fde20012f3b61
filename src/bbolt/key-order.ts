import { compareBytes } from '#core';
import { bboltLimits } from './format.ts';

/** Says of the keys of one page whether they ascend, and lie from `low` on and below `high` where these are given. */
export class KeyOrder {
  readonly #low: Uint8Array | undefined;
  readonly #high: Uint8Array | undefined;
  #last: Uint8Array | undefined;

  constructor(low: Uint8Array | undefined, high: Uint8Array | undefined) {
    this.#low = low;
    this.#high = high;
  }

  /** What is wrong with the next key. */
  take(key: Uint8Array): string | undefined {
    const last = this.#last;
    this.#last = key;
    if (key.byteLength === 0) return 'has an empty key';
    if (key.byteLength > bboltLimits.keyBytes) return `has a key of ${key.byteLength} bytes`;
    if (last !== undefined) return compareBytes(last, key) < 0 ? undefined : 'has keys out of order';
    const isBelow = this.#low !== undefined && compareBytes(key, this.#low) < 0;
    return isBelow ? 'has a key that belongs to a page before it' : undefined;
  }

  /** What is wrong with the last key. */
  end(): string | undefined {
    if (this.#last === undefined || this.#high === undefined) return undefined;
    return compareBytes(this.#last, this.#high) < 0 ? undefined : 'has a key that belongs to a page after it';
  }
}
