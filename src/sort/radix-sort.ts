/** Groups up to this size are sorted by insertion: counting bytes costs a pass over a table of 257 numbers. */
const FEW = 24;

/** Keys of which the first `depth` bytes are equal, by place in the order. */
interface Group {
  readonly from: number;
  readonly to: number;
  readonly depth: number;
}

/**
 * Sorts keys by their bytes, most significant byte first, in time linear to the bytes that tell them apart. Equal keys
 * stay in the order in which they are.
 *
 * @param order places of the keys; sorted in place
 * @param bytes all keys, one after the other
 * @param ends where in `bytes` each key ends
 */
export function sortKeys(order: Uint32Array, bytes: Uint8Array, ends: Uint32Array): void {
  const sorter = new RadixSort(order, bytes, ends);
  sorter.sort();
}

class RadixSort {
  readonly #order: Uint32Array;
  readonly #bytes: Uint8Array;
  readonly #ends: Uint32Array;
  readonly #scratch: Uint32Array;
  /** How many keys have each byte at the depth in question; the first number is for keys that have ended. */
  readonly #counts = new Uint32Array(257);
  readonly #groups: Group[] = [];

  constructor(order: Uint32Array, bytes: Uint8Array, ends: Uint32Array) {
    this.#order = order;
    this.#bytes = bytes;
    this.#ends = ends;
    this.#scratch = new Uint32Array(order.length);
  }

  sort(): void {
    this.#groups.push({ from: 0, to: this.#order.length, depth: 0 });
    for (let group = this.#groups.pop(); group !== undefined; group = this.#groups.pop()) {
      if (group.to - group.from <= FEW) this.#insert(group);
      else this.#divide(group);
    }
  }

  /** 0 for a key that has ended, else its byte at `depth`, and 1. */
  #digit(index: number, depth: number): number {
    const at = (index === 0 ? 0 : (this.#ends[index - 1] as number)) + depth;
    return at < (this.#ends[index] as number) ? (this.#bytes[at] as number) + 1 : 0;
  }

  #divide({ from, to, depth }: Group): void {
    const [order, counts] = [this.#order, this.#counts];
    counts.fill(0);
    for (let i = from; i < to; i++) (counts[this.#digit(order[i] as number, depth)] as number)++;
    const first = this.#digit(order[from] as number, depth);
    if (counts[first] === to - from) {
      if (first !== 0) this.#groups.push({ from, to, depth: depth + 1 });
      return;
    }
    let start = from;
    for (let digit = 0; digit < counts.length; digit++) {
      const count = counts[digit] as number;
      counts[digit] = start;
      if (count > 1 && digit > 0) this.#groups.push({ from: start, to: start + count, depth: depth + 1 });
      start += count;
    }
    const scratch = this.#scratch;
    scratch.set(order.subarray(from, to), from);
    for (let i = from; i < to; i++) {
      const index = scratch[i] as number;
      order[(counts[this.#digit(index, depth)] as number)++] = index;
    }
  }

  #insert({ from, to, depth }: Group): void {
    const order = this.#order;
    for (let i = from + 1; i < to; i++) {
      const index = order[i] as number;
      let at = i;
      for (; at > from && this.#isBelow(index, order[at - 1] as number, depth); at--) {
        order[at] = order[at - 1] as number;
      }
      order[at] = index;
    }
  }

  /** Whether a key comes before another, of which the first `depth` bytes are equal. */
  #isBelow(a: number, b: number, depth: number): boolean {
    const [bytes, ends] = [this.#bytes, this.#ends];
    let x = (a === 0 ? 0 : (ends[a - 1] as number)) + depth;
    let y = (b === 0 ? 0 : (ends[b - 1] as number)) + depth;
    const [endX, endY] = [ends[a] as number, ends[b] as number];
    for (; x < endX && y < endY; x++, y++) {
      const difference = (bytes[x] as number) - (bytes[y] as number);
      if (difference !== 0) return difference < 0;
    }
    return x === endX && y < endY;
  }
}
