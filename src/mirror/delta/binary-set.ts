import { randomFillSync } from 'node:crypto';

const FIRST_CAPACITY = 256;
/** Slots for each entry that fits, so that at most half of them are used. */
const SLOTS_PER_ENTRY = 2;
const EMPTY = 0;
const DIGITS = Buffer.from('0123456789abcdef');
/** As many as there can be entries, so that a place fits beside 32 bits in a number. */
const PLACES = 2 ** 21;

/**
 * A set of byte strings of one width, in one buffer: an entry of 32 bytes takes 40 to 80, whatever their number. Entries keep the order in
 * which they came.
 */
export class BinarySet {
  readonly width: number;
  /** Random, so that nobody can choose strings that fall on one slot. */
  readonly #factors: Int32Array;
  #entries: Buffer;
  /** The number of an entry, counted from 1, at the slot of its hash or the next free one. */
  #slots: Uint32Array;
  #size = 0;

  /** @param width in bytes */
  constructor(width: number) {
    this.width = width;
    this.#factors = randomFillSync(new Int32Array(width + 1));
    this.#entries = Buffer.alloc(FIRST_CAPACITY * width);
    this.#slots = new Uint32Array(FIRST_CAPACITY * SLOTS_PER_ENTRY);
  }

  get size(): number {
    return this.#size;
  }

  /** Adds a copy of the entry that is at an offset of some bytes. @returns whether it is new */
  add(bytes: Uint8Array, offset = 0): boolean {
    if (this.#size * this.width === this.#entries.byteLength) this.#grow();
    const slot = this.#slotOf(bytes, offset);
    if (this.#slots[slot] !== EMPTY) return false;
    const start = this.#size * this.width;
    for (let i = 0; i < this.width; i++) this.#entries[start + i] = bytes[offset + i] as number;
    this.#size++;
    this.#slots[slot] = this.#size;
    return true;
  }

  has(entry: Uint8Array): boolean {
    return this.#slots[this.#slotOf(entry, 0)] !== EMPTY;
  }

  /** Writes the lower-case hex digits of the entry at a place. */
  writeHex(place: number, target: Uint8Array, offset: number): void {
    const start = place * this.width;
    for (let i = 0; i < this.width; i++) {
      const byte = this.#entries[start + i] as number;
      target[offset + 2 * i] = DIGITS[byte >> 4] as number;
      target[offset + 2 * i + 1] = DIGITS[byte & 0xf] as number;
    }
  }

  /** The places of all entries in byte order of what they hold. */
  sortedPlaces(): Uint32Array {
    // First by the first four bytes as numbers, which one native sort does; then those with the same by all bytes.
    const keys = new Float64Array(this.#size);
    for (let i = 0; i < this.#size; i++) keys[i] = this.#head(i) * PLACES + i;
    keys.sort();
    // Not by Uint32Array.from, which makes a list of all numbers first.
    const places = new Uint32Array(this.#size);
    for (let i = 0; i < this.#size; i++) places[i] = (keys[i] as number) % PLACES;
    for (let start = 0, end = 1; start < places.length; start = end, end++) {
      const head = this.#head(places[start] as number);
      while (end < places.length && this.#head(places[end] as number) === head) end++;
      if (end - start > 1) places.subarray(start, end).sort((a, b) => this.#compare(a, b));
    }
    return places;
  }

  #head(place: number): number {
    return this.#entries.readUInt32BE(place * this.width);
  }

  #compare(a: number, b: number): number {
    const [startA, startB] = [a * this.width, b * this.width];
    return this.#entries.compare(this.#entries, startB, startB + this.width, startA, startA + this.width);
  }

  /** Where an entry is, or where it belongs. */
  #slotOf(bytes: Uint8Array, offset: number): number {
    const mask = this.#slots.length - 1;
    let slot = this.#hash(bytes, offset) & mask;
    for (;;) {
      const number = this.#slots[slot] as number;
      if (number === EMPTY || this.#equals(number - 1, bytes, offset)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #equals(place: number, bytes: Uint8Array, offset: number): boolean {
    const entries = this.#entries;
    const { width } = this;
    const start = place * width;
    for (let i = 0; i < width; i++) if (entries[start + i] !== bytes[offset + i]) return false;
    return true;
  }

  /** Multilinear over the bytes: of 32 bits the upper 25 are strongly universal. */
  #hash(bytes: Uint8Array, offset: number): number {
    const factors = this.#factors;
    const { width } = this;
    let sum = factors[width] as number;
    for (let i = 0; i < width; i++) {
      sum = (sum + Math.imul(factors[i] as number, bytes[offset + i] as number)) | 0;
    }
    return sum >>> 7;
  }

  #grow(): void {
    if (this.#size === PLACES) throw new RangeError('too many entries in a set');
    const entries = Buffer.alloc(this.#entries.byteLength * 2);
    entries.set(this.#entries);
    this.#entries = entries;
    this.#slots = new Uint32Array(this.#slots.length * 2);
    const mask = this.#slots.length - 1;
    for (let i = 0; i < this.#size; i++) {
      let slot = this.#hash(entries, i * this.width) & mask;
      while (this.#slots[slot] !== EMPTY) slot = (slot + 1) & mask;
      this.#slots[slot] = i + 1;
    }
  }
}
