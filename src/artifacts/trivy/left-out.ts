/** Why a record of the set has no rows in a trivy.db. A record counts once. */
export type LeftOutReason =
  /** Withdrawn by `asOf`. */
  | 'withdrawn'
  /** Its text says that the id was rejected; trivy's own builder leaves such ids out too. */
  | 'rejected'
  /** A VEX document: it says what is not vulnerable, and trivy takes those by `--vex`. */
  | 'vexStatement'
  /** Nothing in it that trivy.db carries; the entries count as parts. */
  | 'nothingCarried';

/** Why a part of a record is not in a trivy.db. */
export type LeftOutPart =
  /** An entry of `affected` in an ecosystem that is not carried, or without a package. */
  | 'affectedNotCarried'
  /** An entry of `affected` that names commits only, or nothing at all. */
  | 'affectedWithoutVersions'
  /** A listed version that trivy could not parse as an installed one, so that no scan could meet it. */
  | 'versionNotComparable'
  /** A row in whose place a later record says something else of the same package and id. */
  | 'rowSuperseded';

/** Counts by reason. */
export class Counts<Reason extends string> {
  readonly #counts = new Map<Reason, number>();

  add(reason: Reason, count = 1): void {
    if (count > 0) this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + count);
  }

  /** The counts above 0, in the order of the alphabet. */
  all(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
