import type { BboltEntry } from '#bbolt';
import { kindOf, textOfName } from './names.ts';

/** Why a key of the base is left out. */
export type LeftOutReason = 'buildTime' | 'ecosystem' | 'package' | 'severity' | 'age' | 'unreferenced';

/** How many keys, and bytes of keys and values. */
interface Amount {
  readonly keys: number;
  readonly bytes: number;
}

/**
 * What became of the keys of a root bucket, sub-buckets included. Each key of the base is kept, replaced, united,
 * removed or left out; the others were added.
 */
export interface BucketAccount {
  readonly name: string;
  /** Keys that the base has. */
  readonly base: number;
  /** Byte for byte. */
  readonly kept: number;
  /** By the own value of the same key. */
  readonly replaced: number;
  /** With the own value of the same key. */
  readonly united: number;
  /** Since they would have overridden an own advisory in another bucket of the ecosystem. */
  readonly removed: number;
  readonly leftOut: Readonly<Partial<Record<LeftOutReason, Amount>>>;
  /** Own keys that the base does not have. */
  readonly added: number;
}

/** Whether a merged database holds an advisory. */
export function hasAdvisories(buckets: readonly BucketAccount[]): boolean {
  return buckets.some(({ name, kept, replaced, united, added }) => {
    const kind = kindOf(name);
    return (kind === 'advisories' || kind === 'redHat') && kept + replaced + united + added > 0;
  });
}

/** Counts what becomes of each key; readDatabase has seen to it that the root buckets are few. */
export class MergeCounter {
  readonly #buckets = new Map<string, BucketCounter>();
  #root: Uint8Array | undefined;
  #current: BucketCounter | undefined;

  /** The counter of the root bucket of an entry. */
  of({ bucket: [root] }: BboltEntry): BucketCounter {
    if (root === undefined || root !== this.#root || this.#current === undefined) {
      this.#current = this.#find(root === undefined ? '' : textOfName(root));
      this.#root = root;
    }
    return this.#current;
  }

  /** In byte order of name. */
  finish(): readonly BucketAccount[] {
    return [...this.#buckets.values()]
      .filter(({ base, added }) => base + added > 0)
      .map((counter) => counter.finish())
      .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  }

  #find(name: string): BucketCounter {
    const found = this.#buckets.get(name);
    if (found !== undefined) return found;
    const counter = new BucketCounter(name);
    this.#buckets.set(name, counter);
    return counter;
  }
}

/** Counts for one root bucket. */
export class BucketCounter {
  readonly #name: string;
  readonly #leftOut = new Map<LeftOutReason, { keys: number; bytes: number }>();
  base = 0;
  replaced = 0;
  united = 0;
  removed = 0;
  added = 0;

  constructor(name: string) {
    this.#name = name;
  }

  leaveOut(reason: LeftOutReason, { key, value }: BboltEntry): void {
    if (key === undefined || value === undefined) return;
    const amount = this.#leftOut.get(reason) ?? { keys: 0, bytes: 0 };
    amount.keys++;
    amount.bytes += key.byteLength + value.byteLength;
    this.#leftOut.set(reason, amount);
  }

  finish(): BucketAccount {
    const { base, replaced, united, removed, added } = this;
    const leftOut = [...this.#leftOut].sort(([a], [b]) => (a < b ? -1 : 1));
    const gone = leftOut.reduce((sum, [, { keys }]) => sum + keys, 0);
    return {
      name: this.#name,
      base,
      kept: base - replaced - united - removed - gone,
      replaced,
      united,
      removed,
      leftOut: Object.fromEntries(leftOut),
      added,
    };
  }
}
