import { type BboltEntry, entriesOfWhole } from '#bbolt';
import { compareBytes } from '#core';
import type { BucketCounter, LeftOutReason, MergeCounter } from './account.ts';
import type { EntryBatches } from './cursor.ts';
import type { TrivyDatabase } from './database.ts';
import type { DropCursor } from './drops.ts';
import { kindOf, textOfName } from './names.ts';
import type { ScopeFilter } from './scope.ts';

/** What is not taken from a base, and who is told. */
export interface BaseRules {
  /** Advisories that an own one in another bucket replaces. */
  readonly drops: DropCursor;
  readonly counter: MergeCounter;
  /** What is wanted, where not all is. */
  readonly scope?: ScopeFilter | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The entries of the base that are kept. Each key is counted. */
export async function* keepBase(base: TrivyDatabase, rules: BaseRules): EntryBatches {
  const filter = new BaseFilter(rules);
  try {
    for await (const batch of base.batches({ whole: rules.scope === undefined })) {
      rules.signal?.throwIfAborted();
      yield filter.keep(batch);
    }
  } finally {
    await rules.drops.close();
  }
}

class BaseFilter {
  readonly #rules: BaseRules;
  #root: Uint8Array | undefined;
  #counter: BucketCounter | undefined;
  #name = '';
  #isLeftOut = false;
  #hasDrops = false;

  constructor(rules: BaseRules) {
    this.#rules = rules;
  }

  /** The same batch where all of it is kept, as most are. */
  keep(batch: readonly BboltEntry[]): readonly BboltEntry[] {
    let kept: BboltEntry[] | undefined;
    for (let i = 0; i < batch.length; i++) {
      const entry = batch[i] as BboltEntry;
      if (entry.bucket[0] !== this.#root || this.#counter === undefined) this.#enter(entry);
      if (entry.wholeOf !== undefined && this.#looksInto(entry)) {
        kept ??= batch.slice(0, i);
        for (const inner of entriesOfWhole(entry)) if (this.#isKept(inner)) kept.push(inner);
      } else if (this.#isKept(entry)) kept?.push(entry);
      else kept ??= batch.slice(0, i);
    }
    return kept ?? batch;
  }

  /** Whether not all of a whole bucket meets the same end, or must be counted value by value. */
  #looksInto(entry: BboltEntry): boolean {
    return this.#isLeftOut || (this.#hasDrops && this.#rules.drops.hasIn(entry));
  }

  #enter(entry: BboltEntry): void {
    const [root] = entry.bucket;
    this.#root = root;
    this.#counter = this.#rules.counter.of(entry);
    this.#name = root === undefined ? '' : textOfName(root);
    this.#isLeftOut = kindOf(this.#name) === 'buildTime';
    const next = this.#rules.drops.root;
    this.#hasDrops = root !== undefined && next !== undefined && compareBytes(next, root) === 0;
  }

  #isKept(entry: BboltEntry): boolean {
    const counter = this.#counter as BucketCounter;
    if (entry.key !== undefined) counter.base += entry.wholeOf ?? 1;
    const reason = this.#reasonOf(entry);
    if (reason !== undefined) {
      counter.leaveOut(reason, entry);
      return false;
    }
    if (!this.#hasDrops || entry.wholeOf !== undefined || !this.#rules.drops.takes(entry)) return true;
    counter.removed++;
    return false;
  }

  #reasonOf(entry: BboltEntry): LeftOutReason | undefined {
    return this.#isLeftOut ? 'buildTime' : this.#rules.scope?.reasonOf(this.#name, entry);
  }
}
