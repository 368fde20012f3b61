import type { FileRunWriter } from './file-run.ts';
import { KeyTable } from './key-table.ts';
import type { Run, SortedCursor } from './run.ts';

const CHUNK = 1024 * 1024;
/** What an item costs beside its key and payload: an entry in each list. */
const ENTRY_COST = 64;
const FIRST_ITEMS = 1024;
/** Characters of a text up to which it gets the most room that it could need, and its bytes are not counted first. */
const SHORT_TEXT = 64 * 1024;

/** A run that still grows: payloads in the order in which they came, packed into chunks that are used again. */
export class MemoryRun implements Run {
  #chunks: Buffer[] = [];
  #keys = new KeyTable();
  /** Of each item the chunk, and where in it the payload begins and ends. */
  #places = new Uint32Array(0);
  #current = 0;
  #filled = 0;
  #cost = 0;

  /** About the bytes of memory in use. */
  get cost(): number {
    return this.#cost;
  }

  get isEmpty(): boolean {
    return this.#keys.count === 0;
  }

  /** Takes a key and a copy of its payload; a text as UTF-8. */
  add(key: string, payload: Uint8Array | string): void {
    const chunk = this.#chunkFor(roomOf(payload));
    const start = this.#filled;
    let end = start + payload.length;
    if (typeof payload === 'string') end = start + chunk.write(payload, start);
    else chunk.set(payload, start);
    this.#addPlace(start, end);
    this.#keys.add(key);
    this.#filled = end;
    this.#cost += key.length + end - start + ENTRY_COST;
  }

  async open(): Promise<SortedCursor> {
    return new MemoryCursor(this.#keys, this.#places, this.#chunks);
  }

  /** Writes all items in order. */
  async writeTo(writer: FileRunWriter): Promise<void> {
    const [keys, places] = [this.#keys, this.#places];
    for (const index of keys.order()) {
      const start = places[3 * index + 1] as number;
      const size = (places[3 * index + 2] as number) - start;
      // Nothing is awaited for most items: they find room.
      const room = writer.makeRoom(keys.sizeOf(index), size);
      if (room !== undefined) await room;
      writer.put(keys, index, this.#chunks[places[3 * index] as number] as Buffer, start, size);
    }
  }

  /** Forgets all items; the room for them stays for the next ones. */
  clear(): void {
    this.#keys.clear();
    this.#current = this.#filled = this.#cost = 0;
    // One large payload must not keep its room.
    this.#chunks = this.#chunks.filter((chunk) => chunk.length === CHUNK);
  }

  async remove(): Promise<void> {
    this.clear();
    this.#keys = new KeyTable();
    this.#places = new Uint32Array(0);
    this.#chunks = [];
  }

  #addPlace(start: number, end: number): void {
    const at = 3 * this.#keys.count;
    if (at === this.#places.length) {
      const larger = new Uint32Array(Math.max(3 * FIRST_ITEMS, 2 * at));
      larger.set(this.#places);
      this.#places = larger;
    }
    this.#places[at] = this.#current;
    this.#places[at + 1] = start;
    this.#places[at + 2] = end;
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
  readonly #keys: KeyTable;
  readonly #places: Uint32Array;
  readonly #chunks: readonly Buffer[];
  readonly #order: Uint32Array;
  #at = -1;

  constructor(keys: KeyTable, places: Uint32Array, chunks: readonly Buffer[]) {
    this.#keys = keys;
    this.#places = places;
    this.#chunks = chunks;
    this.#order = keys.order();
  }

  next(): boolean {
    if (this.#at + 1 >= this.#order.length) return false;
    const index = this.#order[++this.#at] as number;
    this.key = this.#keys.textOf(index);
    this.size = (this.#places[3 * index + 2] as number) - (this.#places[3 * index + 1] as number);
    return true;
  }

  read(target: Uint8Array, offset: number): void {
    const index = this.#order[this.#at];
    if (index === undefined) throw new RangeError('no item to read');
    const places = this.#places;
    const chunk = this.#chunks[places[3 * index] as number] as Buffer;
    chunk.copy(target, offset, places[3 * index + 1], places[3 * index + 2]);
  }

  async close(): Promise<void> {}
}
