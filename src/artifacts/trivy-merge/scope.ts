import type { BboltEntry } from '#bbolt';
import { compareInstants, type Instant } from '#core';
import type { LeftOutReason } from './account.ts';
import { entriesOfRoot, type TrivyDatabase } from './database.ts';
import { IdTable } from './id-table.ts';
import { kindOf, rootNames, textOfName } from './names.ts';
import { cvesOf, ratingOf, severityOfAdvisory } from './ratings.ts';
import { compilePackages, compileRoots, type PackageFilter, type RootFilter } from './scope-names.ts';

/** What is wanted of a base; all where nothing is said. */
export interface BaseScope {
  /** As OSV spells them, or as Trivy does. */
  readonly ecosystems?: readonly string[] | undefined;
  /** Names of packages, or globs. */
  readonly packages?: readonly string[] | undefined;
  /** What nobody has rated stays. */
  readonly minimumSeverity?: 'low' | 'medium' | 'high' | 'critical' | undefined;
  /** When the vulnerability was changed last; what has no date stays. */
  readonly modifiedSince?: Instant | undefined;
  readonly modifiedUntil?: Instant | undefined;
}

/** Bits of an id. */
const [BELOW, AGE, REFERENCED] = [1, 2, 4];

const LEVELS: readonly string[] = ['unknown', 'low', 'medium', 'high', 'critical'];

/** Decides which entries of a base are wanted. */
export class ScopeFilter {
  readonly #ids: IdTable;
  readonly #roots: RootFilter | undefined;
  readonly #packages: PackageFilter | undefined;
  readonly #minimum: number;
  /** Of the bucket `vulnerability`, how many entries were judged. */
  #judged = 0;

  private constructor(scope: BaseScope, ids: IdTable) {
    this.#ids = ids;
    this.#roots = scope.ecosystems && compileRoots(scope.ecosystems);
    this.#packages = scope.packages && compilePackages(scope.packages);
    this.#minimum = LEVELS.indexOf(scope.minimumSeverity ?? 'unknown');
  }

  /**
   * Reads a base twice: its vulnerabilities, then the advisories that are wanted, since a vulnerability is wanted only
   * where an advisory names it.
   *
   * @returns undefined where all is wanted
   */
  static async open(
    base: TrivyDatabase,
    own: TrivyDatabase,
    scope: BaseScope,
    signal?: AbortSignal,
  ): Promise<ScopeFilter | undefined> {
    if (Object.values(scope).every((clause) => clause === undefined)) return undefined;
    const filter = new ScopeFilter(scope, await readIds(base, scope, signal));
    for (const root of base.roots) {
      if (filter.wantsRoot(root)) await filter.#markReferenced(base, root, signal);
    }
    // What is said of an own id is united with what the base says.
    for await (const batch of entriesOfRoot(own, rootNames.vulnerability)) {
      for (const { key } of batch) if (key !== undefined) filter.#ids.mark(key, REFERENCED);
    }
    return filter;
  }

  /** Whether anything of a root bucket may be wanted; other buckets are judged by entry. */
  wantsRoot(root: string): boolean {
    const kind = kindOf(root);
    return (kind !== 'advisories' && kind !== 'redHat') || this.#roots === undefined || this.#roots(root);
  }

  /** Why an entry is not wanted; undefined where it is. Call it for each entry of the base once, in order. */
  reasonOf(root: string, entry: BboltEntry): LeftOutReason | undefined {
    switch (kindOf(root)) {
      case 'dataSource':
        return entry.key === undefined || this.wantsRoot(textOfName(entry.key)) ? undefined : 'ecosystem';
      case 'vulnerability':
        return this.#isReferenced(entry) ? undefined : 'unreferenced';
      case 'redHat':
        // Whole or not at all: without a part of it, scans of its images fail.
        return this.wantsRoot(root) ? undefined : 'ecosystem';
      default:
        return this.wantsRoot(root) ? this.#reasonOfAdvisory(root, entry) : 'ecosystem';
    }
  }

  #isReferenced({ bucket, key }: BboltEntry): boolean {
    if (bucket.length !== 1 || key === undefined) return true;
    return ((this.#ids.flagsAt(this.#judged++) ?? REFERENCED) & REFERENCED) !== 0;
  }

  #reasonOfAdvisory(root: string, { bucket, key, value }: BboltEntry): LeftOutReason | undefined {
    const [, name] = bucket;
    if (name !== undefined && this.#packages?.(root, textOfName(name)) === false) return 'package';
    if (key === undefined || value === undefined) return undefined;
    const flags = this.#ids.flagsOf(key) ?? 0;
    if ((flags & BELOW) !== 0 && severityOfAdvisory(value) < this.#minimum) return 'severity';
    return (flags & AGE) === 0 ? undefined : 'age';
  }

  async #markReferenced(base: TrivyDatabase, root: string, signal: AbortSignal | undefined): Promise<void> {
    const kind = kindOf(root);
    if (kind !== 'advisories' && kind !== 'redHat') return;
    for await (const batch of entriesOfRoot(base, root)) {
      signal?.throwIfAborted();
      for (const entry of batch) {
        const { key, value } = entry;
        if (key === undefined || value === undefined || this.reasonOf(root, entry) !== undefined) continue;
        this.#ids.mark(key, REFERENCED);
        if (root === rootNames.redHat) for (const id of cvesOf(value)) this.#ids.mark(Buffer.from(id), REFERENCED);
      }
    }
  }
}

async function readIds(base: TrivyDatabase, scope: BaseScope, signal: AbortSignal | undefined): Promise<IdTable> {
  const ids = new IdTable();
  const { minimumSeverity, modifiedSince, modifiedUntil } = scope;
  const isRated = (minimumSeverity ?? modifiedSince ?? modifiedUntil) !== undefined;
  for await (const batch of entriesOfRoot(base, rootNames.vulnerability)) {
    signal?.throwIfAborted();
    for (const { bucket, key, value } of batch) {
      if (bucket.length === 1 && key !== undefined && value !== undefined) {
        ids.add(key, isRated ? flagsFor(value, scope) : 0);
      }
    }
  }
  return ids;
}

function flagsFor(value: Uint8Array, { minimumSeverity, modifiedSince, modifiedUntil }: BaseScope): number {
  const { severity, changed } = ratingOf(value);
  const isBelow = severity > 0 && severity < LEVELS.indexOf(minimumSeverity ?? 'unknown');
  const isOutside =
    changed !== undefined &&
    ((modifiedSince !== undefined && compareInstants(changed, modifiedSince) < 0) ||
      (modifiedUntil !== undefined && compareInstants(changed, modifiedUntil) > 0));
  return (isBelow ? BELOW : 0) | (isOutside ? AGE : 0);
}
