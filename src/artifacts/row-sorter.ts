import { join } from 'node:path';
import { BufferPool, FileCursor, type Row, type RowCursor, writeRun } from './row-run.ts';

const CHUNK_SIZE = 1024 * 1024;
const DEFAULT_MEMORY = 8 * 1024 * 1024;
/** Rows given out at a time, in bytes: few, so that none of them is still in use when garbage is collected. */
const BATCH_SIZE = 24 * 1024;
/** What a row costs beyond its bytes: a string, its place and its length. */
const ROW_COST = 64;

/**
 * Sorts rows by key in flat memory, through files where they are many. Rows of one key keep the order in which they
 * came.
 */
export class RowSorter {
  readonly #folder: string;
  readonly #memoryLimit: number;
  readonly #pending = new PendingRows();
  #runs = 0;

  /** @param folder an existing folder, whose files are the caller's to remove */
  constructor(folder: string, memoryLimit: number = DEFAULT_MEMORY) {
    this.#folder = folder;
    this.#memoryLimit = memoryLimit;
  }

  /** Takes a row. @param key one character a byte, as Row has it */
  add(key: string, value: string): void {
    this.#pending.add(key, value);
  }

  /** Whether rows have become many. */
  get isFull(): boolean {
    return this.#pending.cost >= this.#memoryLimit;
  }

  /** Writes rows to a file if they have become many. Call it now and then. */
  async relieve(): Promise<void> {
    if (this.isFull) await this.#spill();
  }

  async #spill(): Promise<void> {
    await writeRun(this.#path(this.#runs), this.#pending.sorted());
    this.#pending.clear();
    this.#runs++;
  }

  /** All rows in order, some at a time, valid until the next are asked for. Nothing may be added any more. */
  async *read(): AsyncGenerator<readonly Row[]> {
    if (this.#runs > 0) {
      await this.#spill();
      this.#pending.release();
    }
    const cursors: RowCursor[] = [];
    const pool = new BufferPool();
    try {
      for (let i = 0; i < this.#runs; i++) cursors.push(await FileCursor.open(this.#path(i), pool));
      cursors.push(new MemoryCursor(this.#pending.sorted()));
      for (const cursor of cursors) cursor.advance();
      for (const batch of merge(cursors)) {
        yield batch;
        pool.recycle();
      }
    } finally {
      for (const cursor of cursors) await cursor.close();
    }
  }

  #path(run: number): string {
    return join(this.#folder, `rows-${run}`);
  }
}

/** Rows that wait, their values in large pieces of memory, which are used again once the rows are gone. */
class PendingRows {
  #keys: string[] = [];
  /** Of each row the piece, and where in it the value begins and ends. */
  #places: number[] = [];
  readonly #chunks: Buffer[] = [Buffer.allocUnsafe(CHUNK_SIZE)];
  #current = 0;
  #used = 0;
  cost = 0;

  add(key: string, value: string): void {
    const chunk = this.#room(value.length * 3);
    const end = this.#used + chunk.write(value, this.#used);
    this.#keys.push(key);
    this.#places.push(this.#current, this.#used, end);
    this.cost += key.length + end - this.#used + ROW_COST;
    this.#used = end;
  }

  clear(): void {
    this.#keys = [];
    this.#places = [];
    this.#current = 0;
    this.#used = 0;
    this.cost = 0;
  }

  /** Gives the pieces of memory back; there are no rows in them. */
  release(): void {
    this.#chunks.length = 0;
  }

  *sorted(): Generator<Row> {
    const keys = this.#keys;
    const order = Uint32Array.from(keys, (_, index) => index);
    order.sort((a, b) => {
      const [x, y] = [keys[a] as string, keys[b] as string];
      return x < y ? -1 : x > y ? 1 : a - b;
    });
    for (const index of order) {
      const [chunk, start, end] = this.#places.slice(3 * index, 3 * index + 3) as [number, number, number];
      yield { key: keys[index] as string, value: (this.#chunks[chunk] as Buffer).subarray(start, end) };
    }
  }

  /** A piece with room for so many bytes behind what is used of it. */
  #room(size: number): Buffer {
    for (;;) {
      const chunk = this.#chunks[this.#current];
      if (chunk === undefined) this.#chunks.push(Buffer.allocUnsafe(Math.max(CHUNK_SIZE, size)));
      else if (this.#used + size <= chunk.byteLength) return chunk;
      else {
        this.#current++;
        this.#used = 0;
      }
    }
  }
}

class MemoryCursor implements RowCursor {
  row: Row | undefined;
  readonly #rows: Iterator<Row>;

  constructor(rows: Iterator<Row>) {
    this.#rows = rows;
  }

  advance(): void {
    const next = this.#rows.next();
    this.row = next.done === true ? undefined : next.value;
  }

  async close(): Promise<void> {}
}

/** Of rows with one key those of the earlier cursor come first. */
function* merge(cursors: readonly RowCursor[]): Generator<readonly Row[]> {
  let batch: Row[] = [];
  let size = 0;
  for (;;) {
    const least = leastOf(cursors);
    if (least?.row === undefined) break;
    batch.push(least.row);
    size += least.row.value.byteLength + ROW_COST;
    if (size >= BATCH_SIZE) {
      yield batch;
      batch = [];
      size = 0;
    }
    least.advance();
  }
  if (batch.length > 0) yield batch;
}

function leastOf(cursors: readonly RowCursor[]): RowCursor | undefined {
  let least: RowCursor | undefined;
  for (const cursor of cursors) {
    if (cursor.row === undefined) continue;
    if (least?.row === undefined || cursor.row.key < least.row.key) least = cursor;
  }
  return least;
}
