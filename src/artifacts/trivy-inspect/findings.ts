import type { BboltEntry } from '#bbolt';
import {
  compareBytes,
  type EntryBatches,
  EntryCursor,
  ecosystemOfRoot,
  entriesOfRoot,
  kindOf,
  type TrivyDatabase,
  textOfName,
} from '../trivy-merge.ts';

/** What Trivy knows of a package under an id. */
export interface Advisory {
  /** An ecosystem such as `npm`, whose buckets count as one, or a bucket such as `debian 12`. */
  readonly group: string;
  /** The root bucket that Trivy takes it from. */
  readonly root: string;
  readonly package: Uint8Array;
  readonly id: Uint8Array;
  readonly value: Uint8Array;
}

/** The groups of a database with the root buckets of each, both in byte order. */
export function groupsOf({ roots }: TrivyDatabase): ReadonlyMap<string, readonly string[]> {
  const advisories = roots.filter((root) => kindOf(root) === 'advisories' || root === 'Red Hat');
  return Map.groupBy(advisories, (root) => ecosystemOfRoot(root) ?? root);
}

/**
 * The advisories of a group in order of package and id, as Trivy sees them: of several buckets the last one counts, and
 * values without content do not.
 */
export async function* advisoriesOf(
  database: TrivyDatabase,
  group: string,
  roots: readonly string[],
): AsyncGenerator<Advisory> {
  const cursors = roots.map((root) => new RootCursor(root, entriesOfRoot(database, root)));
  try {
    for (const cursor of cursors) await cursor.step();
    for (let next = lastOfFirst(cursors); next !== undefined; next = lastOfFirst(cursors)) {
      const { package: name, id, value } = next.entry;
      const advisory = { group, root: next.root, package: name.slice(), id: id.slice(), value: value.slice() };
      for (const cursor of cursors) {
        if (cursor.entry !== undefined && compare(cursor.entry, advisory) === 0) await cursor.step();
      }
      yield advisory;
    }
  } finally {
    for (const cursor of cursors) await cursor.close();
  }
}

/** Of the cursors that stand on the first package and id, the one of the last bucket. */
function lastOfFirst(cursors: readonly RootCursor[]): { readonly root: string; readonly entry: Row } | undefined {
  let first: { readonly root: string; readonly entry: Row } | undefined;
  for (const { root, entry } of cursors) {
    if (entry !== undefined && (first === undefined || compare(entry, first.entry) <= 0)) first = { root, entry };
  }
  return first;
}

interface Row {
  readonly package: Uint8Array;
  readonly id: Uint8Array;
  readonly value: Uint8Array;
}

/** The order of two advisories of a group. */
export function compare(a: Pick<Row, 'package' | 'id'>, b: Pick<Row, 'package' | 'id'>): number {
  return compareBytes(a.package, b.package) || compareBytes(a.id, b.id);
}

/** Stands on one advisory of a bucket after the other. */
class RootCursor {
  readonly root: string;
  readonly #cursor: EntryCursor;
  #isOpen = false;
  entry: Row | undefined;

  constructor(root: string, entries: EntryBatches) {
    this.root = root;
    this.#cursor = new EntryCursor(entries);
  }

  async step(): Promise<void> {
    do {
      const isInBatch = this.#isOpen && this.#cursor.step();
      if (!isInBatch) await this.#cursor.fill();
      this.#isOpen = true;
      this.entry = rowOf(this.#cursor.entry);
    } while (this.entry === undefined && this.#cursor.entry !== undefined);
  }

  close(): Promise<void> {
    return this.#cursor.close();
  }
}

function rowOf(entry: BboltEntry | undefined): Row | undefined {
  const { bucket = [], key: id, value } = entry ?? {};
  const [, name] = bucket;
  if (bucket.length !== 2 || name === undefined || id === undefined || value === undefined) return undefined;
  return value.byteLength === 0 ? undefined : { package: name, id, value };
}

/** A package or id for people. */
export function nameOf(name: Uint8Array): string {
  return textOfName(name);
}
