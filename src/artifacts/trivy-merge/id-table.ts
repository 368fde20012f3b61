import { CodedError, compareBytes } from '#core';

/** Thirty times as many as there are in 2026; a table of so many takes a quarter of a gibibyte. */
const MAX_IDS = 10_000_000;
const MAX_BYTES = 256 * 1024 * 1024;
const FIRST = 64 * 1024;

/** Ids in byte order, each with a few bits: some twenty bytes an id. */
export class IdTable {
  #bytes = new Uint8Array(FIRST);
  #ends = new Uint32Array(FIRST);
  #flags = new Uint8Array(FIRST);
  #count = 0;

  /** Takes an id that comes behind all others. */
  add(id: Uint8Array, flags: number): void {
    const start = this.#startOf(this.#count);
    const end = start + id.length;
    if (this.#count >= MAX_IDS || end > MAX_BYTES) {
      const what = `more than ${MAX_IDS} vulnerabilities, or ${MAX_BYTES} bytes of their ids`;
      throw new CodedError('ERR_EXPORT_TOO_LARGE', `Trivy database: ${what}`, {
        hint: 'check that the file is a database built for Trivy',
      });
    }
    if (end > this.#bytes.length) this.#bytes = grown(new Uint8Array(Math.min(2 * end, MAX_BYTES)), this.#bytes);
    if (this.#count === this.#ends.length) {
      this.#ends = grown(new Uint32Array(2 * this.#count), this.#ends);
      this.#flags = grown(new Uint8Array(2 * this.#count), this.#flags);
    }
    this.#bytes.set(id, start);
    this.#ends[this.#count] = end;
    this.#flags[this.#count] = flags;
    this.#count++;
  }

  /** The bits of an id; undefined for one that is not there. */
  flagsOf(id: Uint8Array): number | undefined {
    return this.flagsAt(this.#find(id));
  }

  /** The bits of the id at a place, from 0. */
  flagsAt(place: number): number | undefined {
    return place >= 0 && place < this.#count ? this.#flags[place] : undefined;
  }

  /** Sets a bit of an id that is there. */
  mark(id: Uint8Array, flag: number): void {
    const place = this.#find(id);
    if (place >= 0) this.#flags[place] = (this.#flags[place] as number) | flag;
  }

  #startOf(place: number): number {
    return place === 0 ? 0 : (this.#ends[place - 1] as number);
  }

  #find(id: Uint8Array): number {
    let [low, high] = [0, this.#count - 1];
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const order = compareBytes(this.#bytes.subarray(this.#startOf(middle), this.#ends[middle]), id);
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }
}

function grown<T extends Uint8Array | Uint32Array>(target: T, source: T): T {
  target.set(source);
  return target;
}
