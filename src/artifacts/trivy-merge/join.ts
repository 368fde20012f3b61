import { type BboltEntry, entriesOfWhole } from '#bbolt';
import { compareBytes } from '#core';
import { type EntryBatches, EntryCursor } from './cursor.ts';
import { compareEntries } from './order.ts';

/** What becomes of the entries of two databases. */
export interface JoinRules {
  /** Told of an entry that only the second database has. */
  added(own: BboltEntry): void;
  /** The entry for a key that both have. */
  both(base: BboltEntry, own: BboltEntry): BboltEntry;
}

/**
 * The entries of two databases as one, in order. What only the base has is handed on as it is; memory holds one batch
 * of each.
 */
export async function* joinEntries(base: EntryBatches, own: EntryBatches, rules: JoinRules): EntryBatches {
  const cursor = new EntryCursor(own);
  const place = new Place();
  try {
    await cursor.fill();
    for await (const batch of base) yield* joinBatch(batch, cursor, place, rules);
    while (cursor.entry !== undefined) {
      const rest = cursor.rest;
      yield rest.map((entry) => added(entry, rules));
      await cursor.fill();
    }
  } finally {
    await cursor.close();
  }
}

/** A batch of the base with what comes before its last entry. */
async function* joinBatch(
  batch: readonly BboltEntry[],
  cursor: EntryCursor,
  place: Place,
  rules: JoinRules,
): AsyncGenerator<readonly BboltEntry[]> {
  if (cursor.entry === undefined) {
    yield batch;
    return;
  }
  let [entries, joined]: [readonly BboltEntry[], BboltEntry[]] = [batch, []];
  for (let i = 0; i < entries.length; i++) {
    let entry = entries[i] as BboltEntry;
    let order = 1;
    while (cursor.entry !== undefined && order !== 0) {
      if (entry.wholeOf !== undefined && isIn(cursor.entry, entry)) {
        [entries, i] = [[...entriesOfWhole(entry), ...entries.slice(i + 1)], 0];
        entry = entries[0] as BboltEntry;
      }
      order = place.compare(cursor.entry, entry);
      if (order > 0) break;
      joined.push(order === 0 ? rules.both(entry, cursor.entry) : added(cursor.entry, rules));
      if (cursor.step()) continue;
      // The next batch may come in the memory of this one.
      yield joined;
      joined = [];
      await cursor.fill();
    }
    if (order !== 0) joined.push(entry);
  }
  yield joined;
}

/** Whether an entry is in a whole bucket. */
function isIn({ bucket }: BboltEntry, whole: BboltEntry): boolean {
  const depth = whole.bucket.length;
  const name = bucket[depth];
  if (name === undefined || whole.key === undefined || compareBytes(name, whole.key) !== 0) return false;
  return whole.bucket.every((each, i) => compareBytes(each, bucket[i] as Uint8Array) === 0);
}

function added(own: BboltEntry, rules: JoinRules): BboltEntry {
  rules.added(own);
  return own;
}

/** Compares entries of which most are in other root buckets, so that their keys need not be looked at. */
class Place {
  #own: Uint8Array | undefined;
  #base: Uint8Array | undefined;
  #order = 0;

  compare(own: BboltEntry, base: BboltEntry): number {
    const [ownRoot, baseRoot] = [own.bucket[0], base.bucket[0]];
    if (ownRoot !== this.#own || baseRoot !== this.#base) {
      [this.#own, this.#base] = [ownRoot, baseRoot];
      this.#order = ownRoot === undefined || baseRoot === undefined ? 0 : compareBytes(ownRoot, baseRoot);
    }
    return this.#order === 0 ? compareEntries(own, base) : this.#order;
  }
}
