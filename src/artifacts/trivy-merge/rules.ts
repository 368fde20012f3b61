import type { BboltEntry } from '#bbolt';
import type { MergeCounter } from './account.ts';
import type { Conflicts } from './conflicts.ts';
import type { TrivyDatabase } from './database.ts';
import type { JoinRules } from './join.ts';
import { type BucketKind, kindOf, textOfName } from './names.ts';
import type { Precedence } from './precedence.ts';
import { uniteValues } from './vulnerability-union.ts';

/** What a merge is about. */
export interface MergeSubject {
  readonly base: TrivyDatabase;
  readonly own: TrivyDatabase;
  readonly precedence: Precedence;
  readonly conflicts: Conflicts;
  readonly counter: MergeCounter;
}

/** Decides where both databases have a key, and counts what becomes of it. */
export function mergeRules(merge: MergeSubject): JoinRules {
  return {
    added(own) {
      if (own.key !== undefined) merge.counter.of(own).added++;
    },
    both(base, own) {
      if (base.value === undefined || own.value === undefined || same(base.value, own.value)) return base;
      const root = textOfName(base.bucket[0] as Uint8Array);
      return DECISIONS[kindOf(root)](merge, root, base as FullEntry, own as FullEntry);
    },
  };
}

type FullEntry = Required<BboltEntry>;

type Decision = (merge: MergeSubject, root: string, base: FullEntry, own: FullEntry) => BboltEntry;

const DECISIONS: Readonly<Record<BucketKind, Decision>> = {
  vulnerability: unite,
  advisories: decideAdvisory,
  // Most advisories of the bucket are the official ones, and it is by the source that Trivy finds their severity.
  dataSource: (_merge, _root, base) => base,
  // Neither comes here: see keepOwn and keepBase.
  redHat: (_merge, _root, base) => base,
  buildTime: (_merge, _root, base) => base,
};

function unite({ precedence, counter }: MergeSubject, _root: string, base: FullEntry, own: FullEntry): BboltEntry {
  const value = uniteValues(base.value, own.value, precedence);
  if (same(value, base.value)) return base;
  counter.of(base).united++;
  return { ...base, value };
}

function decideAdvisory(merge: MergeSubject, root: string, base: FullEntry, own: FullEntry): BboltEntry {
  const { precedence, conflicts, counter } = merge;
  const isOutranked = precedence.rankOf(merge.base, root) < precedence.rankOf(merge.own, root);
  conflicts.add(isOutranked ? 'outranked' : 'replaced', {
    root,
    package: base.bucket.at(-1) as Uint8Array,
    id: base.key,
  });
  if (isOutranked) return base;
  counter.of(base).replaced++;
  return { ...base, value: own.value };
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
