import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BboltFile } from '#bbolt';
import { fileError } from '#core';
import type { Loss } from '../losses.ts';
import { type BucketAccount, MergeCounter } from './account.ts';
import { keepBase } from './base-entries.ts';
import { Conflicts } from './conflicts.ts';
import { judgeEcosystems } from './contest.ts';
import type { EntryBatches } from './cursor.ts';
import { readDatabase, type TrivyDatabase } from './database.ts';
import { Drops } from './drops.ts';
import { joinEntries } from './join.ts';
import { keepOwn } from './own-entries.ts';
import { Precedence } from './precedence.ts';
import { mergeRules } from './rules.ts';
import { type BaseScope, ScopeFilter } from './scope.ts';

/** How two databases are merged. */
export interface MergeOptions {
  /** An existing folder for temporary files. */
  readonly workDir: string;
  /** Ids of data sources in order of precedence; own sources come before those of the base that have the same place. */
  readonly sourcePrecedence?: readonly string[] | undefined;
  /** What is wanted of the base. */
  readonly scope?: BaseScope | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What became of the base. */
export interface MergeReport {
  /** In byte order of name. */
  readonly buckets: readonly BucketAccount[];
  /** What both databases say of one package and id, by what became of it. */
  readonly conflicts: readonly Loss[];
}

/** A merge under way. */
export interface TrivyDbMerge {
  /** For writeBbolt, in order; consumed once. */
  readonly entries: EntryBatches;
  /** Throws until the entries are consumed. */
  report(): MergeReport;
}

/**
 * Merges own advisories into an official trivy.db: what only one of the two has stays byte for byte. Memory is flat.
 *
 * @param base any trivy.db
 * @param own a trivy.db that this program has built; absent to copy the base
 * @throws CodedError from the entries: ERR_EXPORT_CONTENT_MISMATCH for a base that is not a trivy.db, ERR_EXPORT_TOO_LARGE
 */
export function mergeTrivyDbs(base: BboltFile, own: BboltFile | undefined, options: MergeOptions): TrivyDbMerge {
  let finished: MergeReport | undefined;
  return {
    entries: mergedEntries(base, own, options, (report) => {
      finished = report;
    }),
    report: () => {
      if (finished === undefined) throw new TypeError('the entries are not consumed yet');
      return finished;
    },
  };
}

async function* mergedEntries(
  baseFile: BboltFile,
  ownFile: BboltFile | undefined,
  { workDir, sourcePrecedence, scope: wanted, signal }: MergeOptions,
  finish: (report: MergeReport) => void,
): EntryBatches {
  const folder = await mkdtemp(join(workDir, 'merge-')).catch((error: unknown) => {
    throw fileError(error, workDir);
  });
  try {
    const base = await readDatabase(baseFile);
    const own = ownFile === undefined ? EMPTY : await readDatabase(ownFile);
    const precedence = new Precedence(sourcePrecedence);
    const drops = { base: new Drops(folder), own: new Drops(folder) };
    const conflicts = new Conflicts(folder);
    const counter = new MergeCounter();
    const scope = wanted && (await ScopeFilter.open(base, own, wanted, signal));
    const baseRoots = base.roots.filter((root) => scope?.wantsRoot(root) ?? true);
    await judgeEcosystems({ base, own, precedence, baseRoots, scope, drops, conflicts, signal });
    const kept = keepBase(base, { drops: await drops.base.open(), counter, scope, signal });
    const merge = { base: { ...base, roots: baseRoots }, own, precedence, conflicts, counter };
    const added = keepOwn(merge, await drops.own.open());
    for await (const batch of joinEntries(kept, added, mergeRules(merge))) {
      yield batch;
      await conflicts.relieve();
    }
    finish({ buckets: counter.finish(), conflicts: await conflicts.finish() });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Where there are no own advisories. */
const EMPTY: TrivyDatabase = { batches: async function* () {}, roots: [], sourceIds: new Map() };
