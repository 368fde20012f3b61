import type { BboltEntry } from '#bbolt';
import type { BucketCounter, LeftOutReason, MergeCounter } from './account.ts';
import type { EntryBatches } from './cursor.ts';
import type { TrivyDatabase } from './database.ts';
import type { DropCursor } from './drops.ts';
import { kindOf, textOfName } from './names.ts';
import { compareBytes } from './order.ts';
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
    for await (const batch of base.batches()) {
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
      const isKept = this.#isKept(entry, this.#counter as BucketCounter);
      if (isKept) kept?.push(entry);
      else kept ??= batch.slice(0, i);
    }
    return kept ?? batch;
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

  #isKept(entry: BboltEntry, counter: BucketCounter): boolean {
    if (entry.key !== undefined) counter.base++;
    const reason = this.#reasonOf(entry);
    if (reason !== undefined) {
      counter.leaveOut(reason, entry);
      return false;
    }
    if (!this.#hasDrops || !this.#rules.drops.takes(entry)) return true;
    counter.removed++;
    return false;
  }

  #reasonOf(entry: BboltEntry): LeftOutReason | undefined {
    return this.#isLeftOut ? 'buildTime' : this.#rules.scope?.reasonOf(this.#name, entry);
  }
}
