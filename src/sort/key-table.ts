import { sortKeys } from './radix-sort.ts';

const FIRST_BYTES = 64 * 1024;
const FIRST_KEYS = 1024;

/**
 * Keys in the order in which they came, as bytes in one buffer: a run of strings would survive until it is written, and
 * copying what survives is most of what collecting garbage costs.
 */
export class KeyTable {
  #bytes: Buffer = Buffer.alloc(0);
  /** Where each key ends; it begins where the one before it ends. */
  #ends = new Uint32Array(0);
  #count = 0;
  #size = 0;
  #isSorted = true;
  #order: Uint32Array | undefined;

  get count(): number {
    return this.#count;
  }

  /** Takes a key of one byte a character. */
  add(key: string): void {
    const start = this.#size;
    const end = start + key.length;
    if (end > this.#bytes.length) this.#bytes = grown(this.#bytes, end);
    if (this.#count === this.#ends.length) this.#ends = withRoom(this.#ends);
    this.#bytes.write(key, start, 'latin1');
    this.#ends[this.#count] = end;
    this.#size = end;
    if (this.#isSorted && this.#count > 0) this.#isSorted = !this.#isBelowLast(start, end);
    this.#count++;
    this.#order = undefined;
  }

  /** Bytes of a key. */
  sizeOf(index: number): number {
    return (this.#ends[index] as number) - this.#startOf(index);
  }

  /** A key as it was added. */
  textOf(index: number): string {
    return this.#bytes.toString('latin1', this.#startOf(index), this.#ends[index]);
  }

  /** Copies a key to `target` at `offset`. */
  copy(index: number, target: Buffer, offset: number): void {
    this.#bytes.copy(target, offset, this.#startOf(index), this.#ends[index]);
  }

  /** The places of the keys in byte order; those of equal keys in the order in which they came. */
  order(): Uint32Array {
    if (this.#order !== undefined) return this.#order;
    const order = new Uint32Array(this.#count);
    for (let index = 0; index < order.length; index++) order[index] = index;
    if (!this.#isSorted) sortKeys(order, this.#bytes, this.#ends);
    this.#order = order;
    return order;
  }

  /** Forgets all keys, and keeps the room for the next ones. */
  clear(): void {
    this.#count = this.#size = 0;
    this.#isSorted = true;
    this.#order = undefined;
  }

  #startOf(index: number): number {
    return index === 0 ? 0 : (this.#ends[index - 1] as number);
  }

  /** Whether the key in these bytes is less than the last one of the table. */
  #isBelowLast(start: number, end: number): boolean {
    const bytes = this.#bytes;
    let last = this.#startOf(this.#count - 1);
    for (let at = start; at < end; at++, last++) {
      if (last === start) return false;
      const difference = (bytes[at] as number) - (bytes[last] as number);
      if (difference !== 0) return difference < 0;
    }
    return last < start;
  }
}

function grown(bytes: Buffer, needed: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, 2 * bytes.length, needed));
  bytes.copy(larger);
  return larger;
}

function withRoom(numbers: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(Math.max(FIRST_KEYS, 2 * numbers.length));
  larger.set(numbers);
  return larger;
}
