import { CodedError } from '#core';
import { compareRows, type Row } from './row.ts';
import type { Run, RunCursor } from './run.ts';

interface Head {
  readonly cursor: RunCursor;
  row: Row;
}

/** Reads several runs as one, in order, each key once. */
export class MergeCursor implements RunCursor {
  readonly #heads: Head[];
  #current: Head | undefined;

  private constructor(heads: Head[]) {
    this.#heads = heads;
  }

  static async open(runs: readonly Run[]): Promise<MergeCursor> {
    const heads: Head[] = [];
    try {
      for (const run of runs) {
        const cursor = await run.open();
        const row = await cursor.next();
        if (row === undefined) await cursor.close();
        else heads.push({ cursor, row });
      }
    } catch (error) {
      for (const { cursor } of heads) await cursor.close();
      throw error;
    }
    return new MergeCursor(heads);
  }

  /**
   * The next row with a key of its own; a repetition with the same bytes is passed over.
   *
   * @throws CodedError ERR_EXPORT_RECORD_CONFLICT for a repetition with other bytes, naming both places
   */
  async next(): Promise<Row | undefined> {
    const last = this.#current?.row;
    for (;;) {
      if (this.#current !== undefined) await this.#advance(this.#current);
      this.#current = this.#least();
      const row = this.#current?.row;
      if (row === undefined || last === undefined || row.key !== last.key) return row;
      if (row.hex !== last.hex) throw conflict(last, row);
    }
  }

  async read(target: Uint8Array, offset: number): Promise<void> {
    if (this.#current === undefined) throw new RangeError('no row to read');
    await this.#current.cursor.read(target, offset);
  }

  async close(): Promise<void> {
    for (const { cursor } of this.#heads.splice(0)) await cursor.close();
  }

  async #advance(head: Head): Promise<void> {
    const row = await head.cursor.next();
    if (row !== undefined) {
      head.row = row;
      return;
    }
    this.#heads.splice(this.#heads.indexOf(head), 1);
    await head.cursor.close();
  }

  #least(): Head | undefined {
    let least = this.#heads[0];
    for (let i = 1; i < this.#heads.length; i++) {
      const head = this.#heads[i] as Head;
      if (compareRows(head.row, (least as Head).row) < 0) least = head;
    }
    return least;
  }
}

function conflict(a: Row, b: Row): CodedError {
  const places = a.place === b.place ? `twice in ${a.place}` : `in ${a.place} and in ${b.place}`;
  return new CodedError('ERR_EXPORT_RECORD_CONFLICT', `record ${a.key} is there with different content: ${places}`, {
    hint: 'name only the source that counts, or remove one of the two',
    details: { record: a.key, places: [a.place, b.place], digests: [`sha256:${a.hex}`, `sha256:${b.hex}`] },
  });
}
