import type { TrivyDatabase } from './database.ts';

/** Decides between an own advisory and those of the base. */
export class Precedence {
  readonly #ids: readonly string[];

  /** @param ids of data sources, the one that takes precedence first; those that it does not name share the last place */
  constructor(ids: readonly string[] = []) {
    this.#ids = ids;
  }

  /** Where the data source of a root bucket stands, from 0. */
  rankOf({ sourceIds }: TrivyDatabase, root: string): number {
    return this.rankOfSource(sourceIds.get(root) ?? '');
  }

  rankOfSource(id: string): number {
    const place = this.#ids.indexOf(id);
    return place < 0 ? this.#ids.length : place;
  }
}
