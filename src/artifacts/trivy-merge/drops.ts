import type { BboltEntry } from '#bbolt';
import { compareBytes } from '#core';
import { encodeKey, type SortedCursor, Sorter } from '#sort';

const SEPARATOR = '\0';
const MEMORY = 4 * 1024 * 1024;
const NONE = new Uint8Array();

/** Advisories that are to be dropped, by bucket, package and id: any number, in flat memory. */
export class Drops {
  readonly #sorter: Sorter;

  /** @param folder for files, which the caller removes */
  constructor(folder: string) {
    this.#sorter = new Sorter(folder, { memory: MEMORY });
  }

  /** None of the names has a NUL. */
  add(root: string, { package: name, id }: AdvisoryKey): void {
    this.#sorter.add([encodeKey(root), latin1(name), latin1(id)].join(SEPARATOR), '');
  }

  relieve(): Promise<void> {
    return this.#sorter.relieve();
  }

  /** Stands on the first. */
  async open(): Promise<DropCursor> {
    return new DropCursor(await this.#sorter.read());
  }
}

/** Under what an advisory stands in its root bucket. */
export interface AdvisoryKey {
  readonly package: Uint8Array;
  readonly id: Uint8Array;
}

/** Says of entries that come in order whether each is to be dropped. */
export class DropCursor {
  readonly #cursor: SortedCursor;
  #names: readonly Uint8Array[] | undefined;

  constructor(cursor: SortedCursor) {
    this.#cursor = cursor;
    this.#next();
  }

  /** The root bucket of the next one; undefined at the end. */
  get root(): Uint8Array | undefined {
    return this.#names?.[0];
  }

  /** @param entry no earlier than those before it */
  takes({ bucket, key }: BboltEntry): boolean {
    if (key === undefined) return false;
    for (;;) {
      const order = this.#compare([...bucket, key]);
      if (order < 0) this.#next();
      else {
        if (order === 0) this.#next();
        return order === 0;
      }
    }
  }

  /** Whether any in a whole bucket is to be dropped. @param entry no earlier than those before it */
  hasIn({ bucket, key }: BboltEntry): boolean {
    if (key === undefined) return false;
    const path = [...bucket, key];
    for (;;) {
      const isIn =
        this.#names !== undefined && path.every((name, i) => compareBytes(name, this.#names?.[i] ?? NONE) === 0);
      if (isIn || this.#compare(path) >= 0) return isIn;
      this.#next();
    }
  }

  async close(): Promise<void> {
    await this.#cursor.close();
  }

  /** The order of the next one against a path; above 0 at the end. */
  #compare(path: readonly Uint8Array[]): number {
    if (this.#names === undefined) return 1;
    for (const [i, name] of this.#names.entries()) {
      const other = path[i];
      if (other === undefined) return 1;
      const order = compareBytes(name, other);
      if (order !== 0) return order;
    }
    return this.#names.length - path.length;
  }

  #next(): void {
    this.#names = this.#cursor.next()
      ? this.#cursor.key.split(SEPARATOR).map((name) => Buffer.from(name, 'latin1'))
      : undefined;
  }
}

function latin1(name: Uint8Array): string {
  return Buffer.from(name).toString('latin1');
}
