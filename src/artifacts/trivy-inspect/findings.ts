import {
  AdvisoryCursor,
  type AdvisoryRow,
  compareAdvisories,
  ecosystemOfRoot,
  entriesOfRoot,
  kindOf,
  type TrivyDatabase,
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
  const cursors = roots.map((root) => new AdvisoryCursor(root, entriesOfRoot(database, root)));
  try {
    for (const cursor of cursors) await cursor.step();
    for (let next = lastOfFirst(cursors); next !== undefined; next = lastOfFirst(cursors)) {
      const { package: name, id, value } = next.row;
      const advisory = { group, root: next.root, package: name.slice(), id: id.slice(), value: value.slice() };
      for (const cursor of cursors) {
        if (cursor.row !== undefined && compareAdvisories(cursor.row, advisory) === 0) await cursor.step();
      }
      yield advisory;
    }
  } finally {
    for (const cursor of cursors) await cursor.close();
  }
}

/** Of the cursors that stand on the first package and id, the one of the last bucket. */
function lastOfFirst(
  cursors: readonly AdvisoryCursor[],
): { readonly root: string; readonly row: AdvisoryRow } | undefined {
  let first: { readonly root: string; readonly row: AdvisoryRow } | undefined;
  for (const { root, row } of cursors) {
    if (row !== undefined && (first === undefined || compareAdvisories(row, first.row) <= 0)) first = { root, row };
  }
  return first;
}
