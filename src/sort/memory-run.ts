import type { FileRunWriter } from './file-run.ts';
import type { Run, SortedCursor } from './run.ts';

const CHUNK = 1024 * 1024;
/** What an item costs beside its key and payload: an entry in each list. */
const ENTRY_COST = 64;
/** Characters of a text up to which it gets the most room that it could need, and its bytes are not counted first. */
const SHORT_TEXT = 64 * 1024;

/** A run that still grows: payloads in the order in which they came, packed into chunks that are used again. */
export class MemoryRun implements Run {
  #chunks: Buffer[] = [];
  #keys: string[] = [];
  /** Of each item the chunk, and where in it the payload begins and ends. */
  #places: number[] = [];
  #current = 0;
  #filled = 0;
  #cost = 0;
  #isSorted = true;

  /** About the bytes of memory in use. */
  get cost(): number {
    return this.#cost;
  }

  get isEmpty(): boolean {
    return this.#keys.length === 0;
  }

  /** Takes a key and a copy of its payload; a text as UTF-8. */
  add(key: string, payload: Uint8Array | string): void {
    const chunk = this.#chunkFor(roomOf(payload));
    const start = this.#filled;
    let end = start + payload.length;
    if (typeof payload === 'string') end = start + chunk.write(payload, start);
    else chunk.set(payload, start);
    const { length } = this.#keys;
    if (length > 0 && key < (this.#keys[length - 1] as string)) this.#isSorted = false;
    this.#keys.push(key);
    this.#places.push(this.#current, start, end);
    this.#filled = end;
    this.#cost += key.length + end - start + ENTRY_COST;
  }

  async open(): Promise<SortedCursor> {
    return new MemoryCursor(this.#keys, this.#places, this.#chunks, this.#order());
  }

  /** Writes all items in order. */
  async writeTo(writer: FileRunWriter): Promise<void> {
    const [keys, places] = [this.#keys, this.#places];
    for (const index of this.#order()) {
      const key = keys[index] as string;
      const start = places[3 * index + 1] as number;
      const size = (places[3 * index + 2] as number) - start;
      // Nothing is awaited for most items: they find room.
      const room = writer.makeRoom(key, size);
      if (room !== undefined) await room;
      writer.put(key, this.#chunks[places[3 * index] as number] as Buffer, start, size);
    }
  }

  /** Forgets all items; the chunks stay for the next ones. */
  clear(): void {
    this.#keys = [];
    this.#places = [];
    this.#current = this.#filled = this.#cost = 0;
    this.#isSorted = true;
    // One large payload must not keep its room.
    this.#chunks = this.#chunks.filter((chunk) => chunk.length === CHUNK);
  }

  async remove(): Promise<void> {
    this.clear();
    this.#chunks = [];
  }

  /** The items by key; those of one key in the order in which they came. */
  #order(): Uint32Array {
    const keys = this.#keys;
    const order = new Uint32Array(keys.length);
    for (let index = 0; index < order.length; index++) order[index] = index;
    if (this.#isSorted) return order;
    return order.sort((a, b) => {
      const [x, y] = [keys[a] as string, keys[b] as string];
      return x < y ? -1 : x > y ? 1 : a - b;
    });
  }

  #chunkFor(size: number): Buffer {
    const current = this.#chunks[this.#current];
    if (current !== undefined && this.#filled + size <= current.length) return current;
    if (current !== undefined) this.#current++;
    this.#filled = 0;
    const next = this.#chunks[this.#current];
    if (next !== undefined && size <= next.length) return next;
    const fresh = Buffer.allocUnsafeSlow(Math.max(CHUNK, size));
    this.#chunks.splice(this.#current, 0, fresh);
    return fresh;
  }
}

/** Bytes that a payload may take. */
function roomOf(payload: Uint8Array | string): number {
  if (typeof payload !== 'string') return payload.length;
  return payload.length <= SHORT_TEXT ? 3 * payload.length : Buffer.byteLength(payload);
}

class MemoryCursor implements SortedCursor {
  key = '';
  size = 0;
  readonly #keys: readonly string[];
  readonly #places: readonly number[];
  readonly #chunks: readonly Buffer[];
  readonly #order: Uint32Array;
  #at = -1;

  constructor(keys: readonly string[], places: readonly number[], chunks: readonly Buffer[], order: Uint32Array) {
    this.#keys = keys;
    this.#places = places;
    this.#chunks = chunks;
    this.#order = order;
  }

  next(): boolean {
    if (this.#at + 1 >= this.#order.length) return false;
    const index = this.#order[++this.#at] as number;
    this.key = this.#keys[index] as string;
    this.size = (this.#places[3 * index + 2] as number) - (this.#places[3 * index + 1] as number);
    return true;
  }

  read(target: Uint8Array, offset: number): void {
    const index = this.#order[this.#at];
    if (index === undefined) throw new RangeError('no item to read');
    const [chunk, start, end] = this.#places.slice(3 * index, 3 * index + 3) as [number, number, number];
    (this.#chunks[chunk] as Buffer).copy(target, offset, start, end);
  }

  async close(): Promise<void> {}
}
