import type { Run, SortedCursor } from './run.ts';

interface Head {
  readonly cursor: SortedCursor;
  /** The place of its run among the others. */
  readonly index: number;
}

/** Reads several runs as one; items of one key come in the order of the runs. */
export class MergeCursor implements SortedCursor {
  key = '';
  size = 0;
  /** In order of their items. The first stands on the item that `next` gave last, once `next` was called. */
  readonly #heads: Head[];
  /** Read to their ends, not closed yet. */
  readonly #spent: SortedCursor[] = [];
  #hasBegun = false;

  private constructor(cursors: readonly SortedCursor[]) {
    this.#heads = cursors.map((cursor, index) => ({ cursor, index })).filter((head) => this.#hasNext(head));
    this.#heads.sort(compareHeads);
  }

  static async open(runs: readonly Run[]): Promise<MergeCursor> {
    const cursors: SortedCursor[] = [];
    try {
      for (const run of runs) cursors.push(await run.open());
      return new MergeCursor(cursors);
    } catch (error) {
      for (const cursor of cursors) await cursor.close();
      throw error;
    }
  }

  next(): boolean {
    if (this.#hasBegun) this.#advance();
    this.#hasBegun = true;
    const cursor = this.#heads[0]?.cursor;
    if (cursor === undefined) return false;
    this.key = cursor.key;
    this.size = cursor.size;
    return true;
  }

  read(target: Uint8Array, offset: number): void {
    if (!this.#hasBegun || this.#heads[0] === undefined) throw new RangeError('no item to read');
    this.#heads[0].cursor.read(target, offset);
  }

  async close(): Promise<void> {
    for (const { cursor } of this.#heads.splice(0)) await cursor.close();
    for (const cursor of this.#spent.splice(0)) await cursor.close();
  }

  /** Moves the first head on by an item and puts it where that item belongs. */
  #advance(): void {
    const heads = this.#heads;
    const head = heads[0];
    if (head === undefined) return;
    if (!this.#hasNext(head)) {
      heads.shift();
      return;
    }
    let [low, high] = [1, heads.length];
    // Often the next item comes from the same run.
    if (high > 1 && compareHeads(heads[1] as Head, head) > 0) return;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareHeads(heads[middle] as Head, head) < 0) low = middle + 1;
      else high = middle;
    }
    heads.copyWithin(0, 1, low);
    heads[low - 1] = head;
  }

  #hasNext({ cursor }: Head): boolean {
    const hasNext = cursor.next();
    if (!hasNext) this.#spent.push(cursor);
    return hasNext;
  }
}

function compareHeads(a: Head, b: Head): number {
  const [x, y] = [a.cursor.key, b.cursor.key];
  return x < y ? -1 : x > y ? 1 : a.index - b.index;
}
