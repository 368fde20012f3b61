import { compareText } from '#core';
import type { FileRunWriter } from './file-run.ts';
import { compareRows, Row, type RowFacts, rowBytes, writeRow } from './row.ts';
import type { Run, RunCursor } from './run.ts';

const CHUNK = 1024 * 1024;
/** What a record costs beside its row and its bytes: an entry in each list, and its key as a string. */
const ENTRY_COST = 100;

/** Where a row lies; its record follows it. */
interface Spot {
  readonly key: string;
  readonly chunk: Buffer;
  readonly offset: number;
  readonly rowBytes: number;
  /** Bytes of the record. */
  readonly size: number;
}

/** A run that still grows: rows and records in the order they came, packed into chunks that are used again. */
export class MemoryRun implements Run {
  readonly level = 0;
  readonly #chunks: Buffer[] = [];
  #spots: Spot[] = [];
  #current = 0;
  #filled = 0;
  #cost = 0;
  #sorted = true;

  /** About the bytes of memory in use. */
  get cost(): number {
    return this.#cost;
  }

  get isEmpty(): boolean {
    return this.#spots.length === 0;
  }

  /** Takes a row and a copy of its record. */
  add(facts: RowFacts, record: Uint8Array): void {
    const head = rowBytes(facts);
    const chunk = this.#chunkFor(head + record.byteLength);
    const offset = this.#filled;
    writeRow(chunk, offset, facts, record.byteLength);
    chunk.set(record, offset + head);
    this.#spots.push({ key: facts.key, chunk, offset, rowBytes: head, size: record.byteLength });
    this.#filled += head + record.byteLength;
    this.#cost += head + record.byteLength + ENTRY_COST;
    this.#sorted = false;
  }

  async open(): Promise<RunCursor> {
    this.#sort();
    return new MemoryCursor(this.#spots);
  }

  /** Writes all rows and records in order; what came twice is there twice. */
  async writeTo(writer: FileRunWriter): Promise<void> {
    this.#sort();
    for (const { chunk, offset, rowBytes, size } of this.#spots) {
      // Nothing is awaited for most records: they find room.
      const room = writer.makeRoom(rowBytes, size);
      if (room !== undefined) await room;
      writer.put(chunk, offset, rowBytes, size);
    }
  }

  #sort(): void {
    if (!this.#sorted) this.#spots.sort(compareSpots);
    this.#sorted = true;
  }

  /** Forgets all rows; the chunks stay for the next ones. */
  clear(): void {
    this.#spots = [];
    this.#current = this.#filled = this.#cost = 0;
  }

  async remove(): Promise<void> {
    this.clear();
    this.#chunks.length = 0;
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

class MemoryCursor implements RunCursor {
  readonly #spots: readonly Spot[];
  #at = -1;

  constructor(spots: readonly Spot[]) {
    this.#spots = spots;
  }

  next(): Row | undefined {
    this.#at++;
    const spot = this.#spots[this.#at];
    return spot === undefined ? undefined : rowAt(spot);
  }

  read(target: Uint8Array, offset: number): void {
    const spot = this.#spots[this.#at];
    if (spot === undefined) throw new RangeError('no row to read');
    const from = spot.offset + spot.rowBytes;
    spot.chunk.copy(target, offset, from, from + spot.size);
  }

  async close(): Promise<void> {}
}

function rowAt({ chunk, offset, rowBytes }: Spot): Row {
  return new Row(chunk.subarray(offset, offset + rowBytes));
}

function compareSpots(a: Spot, b: Spot): number {
  return compareText(a.key, b.key) || compareRows(rowAt(a), rowAt(b));
}
