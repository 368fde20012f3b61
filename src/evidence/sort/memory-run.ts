import { compareText } from '#core';
import type { Row, Run, RunCursor } from './run.ts';

const CHUNK = 1024 * 1024;
/** What a row costs in memory beside the record's bytes; measured, generous. */
const ROW_COST = 400;

interface StoredRow extends Row {
  readonly chunk: Uint8Array;
  readonly offset: number;
}

/** A run that still grows: rows in the order they came, bytes packed into chunks that are used again. */
export class MemoryRun implements Run {
  readonly level = 0;
  readonly #chunks: Uint8Array[] = [];
  #rows: StoredRow[] = [];
  #used = 0;
  #filled = 0;
  #cost = 0;
  #sorted = true;

  /** About the bytes of memory in use. */
  get cost(): number {
    return this.#cost;
  }

  get isEmpty(): boolean {
    return this.#rows.length === 0;
  }

  /** Takes a row and a copy of its bytes. */
  add(row: Omit<Row, 'size'>, bytes: Uint8Array): void {
    const { key, hex, verdict, place } = row;
    const chunk = this.#chunkFor(bytes.byteLength);
    chunk.set(bytes, this.#filled);
    this.#rows.push({ key, hex, verdict, place, size: bytes.byteLength, chunk, offset: this.#filled });
    this.#filled += bytes.byteLength;
    this.#cost += bytes.byteLength + ROW_COST;
    this.#sorted = false;
  }

  async open(): Promise<RunCursor> {
    if (!this.#sorted) this.#rows.sort(compareRows);
    this.#sorted = true;
    return new MemoryCursor(this.#rows);
  }

  /** Forgets all rows; the chunks stay for the next ones. */
  clear(): void {
    this.#rows = [];
    this.#used = this.#filled = this.#cost = 0;
  }

  async remove(): Promise<void> {
    this.clear();
    this.#chunks.length = 0;
  }

  #chunkFor(size: number): Uint8Array {
    const current = this.#chunks[this.#used];
    if (current !== undefined && this.#filled + size <= current.length) return current;
    if (current !== undefined) this.#used++;
    this.#filled = 0;
    const next = this.#chunks[this.#used];
    if (next !== undefined && size <= next.length) return next;
    const fresh = new Uint8Array(Math.max(CHUNK, size));
    this.#chunks.splice(this.#used, 0, fresh);
    return fresh;
  }
}

class MemoryCursor implements RunCursor {
  readonly #rows: readonly StoredRow[];
  #at = -1;

  constructor(rows: readonly StoredRow[]) {
    this.#rows = rows;
  }

  async next(): Promise<Row | undefined> {
    this.#at++;
    return this.#rows[this.#at];
  }

  async read(target: Uint8Array, offset: number): Promise<void> {
    const row = this.#rows[this.#at];
    if (row === undefined) throw new RangeError('no row to read');
    target.set(row.chunk.subarray(row.offset, row.offset + row.size), offset);
  }

  async close(): Promise<void> {}
}

/** Order of rows: key, then digest, then place, so that neither arrival nor chance decides which of two comes first. */
export function compareRows(a: Row, b: Row): number {
  const byKey = compareText(a.key, b.key);
  if (byKey !== 0) return byKey;
  return compareText(a.hex, b.hex) || compareText(a.place, b.place);
}
