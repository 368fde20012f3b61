import type { Conflicts } from './conflicts.ts';
import { AdvisoryCursor, type EntryBatches } from './cursor.ts';
import { entriesOfRoot, type TrivyDatabase } from './database.ts';
import type { AdvisoryKey, Drops } from './drops.ts';
import { ecosystemOfRoot } from './names.ts';
import { compareAdvisories } from './order.ts';
import type { Precedence } from './precedence.ts';
import type { ScopeFilter } from './scope.ts';

/** What the databases say of the same packages and ids in different buckets of an ecosystem, and who is right. */
export interface Contest {
  readonly base: TrivyDatabase;
  readonly own: TrivyDatabase;
  readonly precedence: Precedence;
  /** Root buckets of the base that are in scope. */
  readonly baseRoots: readonly string[];
  /** What is wanted of them, where not all is. */
  readonly scope?: ScopeFilter | undefined;
  readonly drops: { readonly base: Drops; readonly own: Drops };
  readonly conflicts: Conflicts;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds own advisories of which the base speaks in another bucket of the ecosystem. Trivy would take the one in the
 * last bucket, whoever it is from. Where a source of the base takes precedence, the own one is dropped; else those of
 * the base that come behind it are.
 */
export async function judgeEcosystems(contest: Contest): Promise<void> {
  const roots = Map.groupBy(contest.own.roots, ecosystemOfRoot);
  for (const [ecosystem, ownRoots] of roots) {
    if (ecosystem === undefined) continue;
    const baseRoots = contest.baseRoots.filter((root) => ecosystemOfRoot(root) === ecosystem);
    if (baseRoots.length > 0) await judgeEcosystem(contest, ownRoots, baseRoots);
  }
}

async function judgeEcosystem(contest: Contest, ownRoots: readonly string[], baseRoots: readonly string[]) {
  const own = ownRoots.map((root) => new AdvisoryCursor(root, entriesOfRoot(contest.own, root)));
  const base = baseRoots.map((root) => new AdvisoryCursor(root, wantedOf(contest, root)));
  try {
    for (const cursor of [...own, ...base]) await cursor.step();
    for (let key = firstOf(own); key !== undefined; key = firstOf(own)) {
      contest.signal?.throwIfAborted();
      const owners = await rootsAt(own, key);
      const rivals = await rootsAt(base, key);
      if (rivals.length > 0) judge(contest, key, owners, rivals);
      await contest.drops.base.relieve();
      await contest.drops.own.relieve();
      await contest.conflicts.relieve();
    }
  } finally {
    for (const cursor of [...own, ...base]) await cursor.close();
  }
}

/** What is left out cannot override anything. */
async function* wantedOf({ base, scope }: Contest, root: string): EntryBatches {
  for await (const batch of entriesOfRoot(base, root, scope === undefined)) {
    yield scope === undefined ? batch : batch.filter((entry) => scope.reasonOf(root, entry) === undefined);
  }
}

/** @param owners buckets of the own advisory, and rivals those of the base, in byte order */
function judge(contest: Contest, key: AdvisoryKey, owners: readonly string[], rivals: readonly string[]): void {
  const { base, own, precedence, drops, conflicts } = contest;
  const ranks = (database: TrivyDatabase, roots: readonly string[]): number[] =>
    roots.map((root) => precedence.rankOf(database, root));
  if (Math.min(...ranks(base, rivals)) < Math.min(...ranks(own, owners))) {
    for (const root of owners) {
      drops.own.add(root, key);
      conflicts.add('outranked', { root, ...key });
    }
    return;
  }
  const last = owners.at(-1) as string;
  for (const root of rivals) {
    // Where the bucket is the same, the own advisory takes the place of the other.
    if (owners.includes(root)) continue;
    const isLater = Buffer.compare(Buffer.from(root), Buffer.from(last)) > 0;
    if (isLater) drops.base.add(root, key);
    conflicts.add(isLater ? 'removed' : 'shadowed', { root, ...key });
  }
}

/** Where the cursors stand that come first; in memory of its own. */
function firstOf(cursors: readonly AdvisoryCursor[]): AdvisoryKey | undefined {
  let first: AdvisoryKey | undefined;
  for (const { row } of cursors) {
    if (row !== undefined && (first === undefined || compareAdvisories(row, first) < 0)) first = row;
  }
  return first && { package: first.package.slice(), id: first.id.slice() };
}

/** The buckets that have the key; the cursors go behind it. */
async function rootsAt(cursors: readonly AdvisoryCursor[], key: AdvisoryKey): Promise<readonly string[]> {
  const roots: string[] = [];
  for (const cursor of cursors) {
    while (cursor.row !== undefined) {
      const order = compareAdvisories(cursor.row, key);
      if (order > 0) break;
      if (order === 0) roots.push(cursor.root);
      await cursor.step(key.package);
    }
  }
  return roots;
}
