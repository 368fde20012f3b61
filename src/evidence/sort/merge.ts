import { CodedError } from '#core';
import { compareRows, type Row } from './row.ts';
import type { Run, RunCursor } from './run.ts';

interface Head {
  readonly cursor: RunCursor;
  row: Row;
}

/** Reads several runs as one, in order, each key once. */
export class MergeCursor implements RunCursor {
  /** In order of their rows. The first is the one that `next` gave last, once `next` was called. */
  readonly #heads: Head[];
  /** Read to their ends, not closed yet. */
  readonly #spent: RunCursor[] = [];
  #last: Row | undefined;

  private constructor(heads: Head[]) {
    this.#heads = heads;
  }

  static async open(runs: readonly Run[]): Promise<MergeCursor> {
    const heads: Head[] = [];
    try {
      for (const run of runs) {
        const cursor = await run.open();
        const row = cursor.next();
        if (row === undefined) await cursor.close();
        else heads.push({ cursor, row });
      }
    } catch (error) {
      for (const { cursor } of heads) await cursor.close();
      throw error;
    }
    return new MergeCursor(heads.sort((a, b) => compareRows(a.row, b.row)));
  }

  /**
   * The next row with a key of its own; a repetition with the same bytes is passed over.
   *
   * @throws CodedError ERR_EXPORT_RECORD_CONFLICT for a repetition with other bytes, naming both places
   */
  next(): Row | undefined {
    const last = this.#last;
    for (;;) {
      if (this.#last !== undefined) this.#advance();
      this.#last = this.#heads[0]?.row;
      const row = this.#last;
      if (row === undefined || last === undefined || row.key !== last.key) return row;
      if (row.hex !== last.hex) throw conflict(last, row);
    }
  }

  read(target: Uint8Array, offset: number): void {
    if (this.#last === undefined) throw new RangeError('no row to read');
    this.#heads[0]?.cursor.read(target, offset);
  }

  async close(): Promise<void> {
    for (const { cursor } of this.#heads.splice(0)) await cursor.close();
    for (const cursor of this.#spent.splice(0)) await cursor.close();
  }

  /** Moves the first head on by a row and puts it where that row belongs. */
  #advance(): void {
    const head = this.#heads[0];
    if (head === undefined) return;
    const row = head.cursor.next();
    if (row === undefined) {
      this.#heads.shift();
      this.#spent.push(head.cursor);
      return;
    }
    head.row = row;
    let [low, high] = [1, this.#heads.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareRows((this.#heads[middle] as Head).row, row) < 0) low = middle + 1;
      else high = middle;
    }
    this.#heads.copyWithin(0, 1, low);
    this.#heads[low - 1] = head;
  }
}

function conflict(a: Row, b: Row): CodedError {
  const places = a.place === b.place ? `twice in ${a.place}` : `in ${a.place} and in ${b.place}`;
  return new CodedError('ERR_EXPORT_RECORD_CONFLICT', `record ${a.key} has different content: ${places}`, {
    hint: 'specify only one of the sources, or remove one of the two records',
    details: { record: a.key, places: [a.place, b.place], digests: [`sha256:${a.hex}`, `sha256:${b.hex}`] },
  });
}
