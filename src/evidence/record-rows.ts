import { CodedError } from '#core';
import type { SortedCursor, Sorter } from '#sort';
import { Row } from './row.ts';

/** Reads the rows of a sorter in order, each record once. */
export class RecordRows {
  readonly #cursor: SortedCursor;
  #last: Row | undefined;

  private constructor(cursor: SortedCursor) {
    this.#cursor = cursor;
  }

  static async open(sorter: Sorter): Promise<RecordRows> {
    return new RecordRows(await sorter.read());
  }

  /**
   * The next row with a key of its own; a repetition with the same bytes is passed over.
   *
   * @throws CodedError ERR_EXPORT_RECORD_CONFLICT for a repetition with other bytes, naming both places
   */
  next(): Row | undefined {
    const last = this.#last;
    while (this.#cursor.next()) {
      const row = new Row(this.#cursor.key, this.#cursor.size);
      if (last === undefined || !row.isOf(last)) {
        this.#last = row;
        return row;
      }
      if (row.hex !== last.hex) throw conflict(last, row);
    }
    return undefined;
  }

  /** Copies the bytes of the record that `next` gave last to `target` at `offset`. At most once for each. */
  read(target: Uint8Array, offset: number): void {
    this.#cursor.read(target, offset);
  }

  async close(): Promise<void> {
    await this.#cursor.close();
  }
}

function conflict(a: Row, b: Row): CodedError {
  const places = a.place === b.place ? `twice in ${a.place}` : `in ${a.place} and in ${b.place}`;
  return new CodedError('ERR_EXPORT_RECORD_CONFLICT', `record ${a.key} has different content: ${places}`, {
    hint: 'specify only one of the sources, or remove one of the two records',
    details: { record: a.key, places: [a.place, b.place], digests: [`sha256:${a.hex}`, `sha256:${b.hex}`] },
  });
}
