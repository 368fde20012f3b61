import { parseKnownJson } from '#core';
import { readItems, type Sorter } from '#sort';
import { ecosystemOfTrivy } from '../ecosystems.ts';
import { mergeAdvisoryVersions } from './advisory-versions.ts';
import type { TrivyDbLosses } from './losses.ts';
import { type Advisory, AdvisoryRow, encodeAdvisory, SEPARATOR } from './rows.ts';

/** In characters. */
const MAX_UNION = 8 * 1024 * 1024;

/**
 * Writes the advisories of a database: where several records speak of one package under one id, what they say together,
 * in the bucket of each source. Trivy would take the last of the buckets, and the records of one source have one key.
 *
 * @param advisories as RowMaker has filled it; rows of one key are in byte order of record
 * @param rows where the rows of the database go
 * @param maxUnion beyond so many characters, what further records say of one package and id is left out
 */
export async function uniteAdvisories(
  advisories: Sorter,
  rows: Sorter,
  losses: TrivyDbLosses,
  maxUnion: number = MAX_UNION,
): Promise<void> {
  const group = new AdvisoryGroup(rows, losses, maxUnion);
  for await (const batch of readItems(advisories)) {
    for (const { key, value } of batch) group.add(key, value);
    group.keep();
    if (rows.isFull) await rows.relieve();
    await losses.relieve();
  }
  group.close();
}

/** What records say of one package and id. */
class AdvisoryGroup {
  readonly #rows: Sorter;
  readonly #losses: TrivyDbLosses;
  readonly #maxUnion: number;
  #key = '';
  #found: AdvisoryRow[] = [];
  /** How many of them lie in memory of their own. */
  #kept = 0;
  /** Characters of those found, where they are several. */
  #size = 0;
  #isCut = false;

  constructor(rows: Sorter, losses: TrivyDbLosses, maxUnion: number) {
    this.#rows = rows;
    this.#losses = losses;
    this.#maxUnion = maxUnion;
  }

  /** @param value valid until `keep` is called */
  add(key: string, value: Buffer): void {
    if (key !== this.#key) {
      this.close();
      this.#key = key;
    }
    const row = new AdvisoryRow(value);
    const [first] = this.#found;
    // Nearly all are alone, and need not be measured.
    if (first !== undefined) {
      if (this.#found.length === 1) this.#size = first.length;
      if (this.#size + row.length > this.#maxUnion) {
        this.#leave(first.record, row.record);
        return;
      }
      this.#size += row.length;
    }
    this.#found.push(row);
  }

  /** Takes a copy of what is still to be written. */
  keep(): void {
    for (; this.#kept < this.#found.length; this.#kept++) {
      this.#found[this.#kept] = (this.#found[this.#kept] as AdvisoryRow).copy();
    }
  }

  /** Writes what the records say together. */
  close(): void {
    const [first] = this.#found;
    if (first === undefined) return;
    // Package and id, behind the ecosystem.
    const names = this.#key.slice(this.#key.indexOf(SEPARATOR));
    if (this.#found.length === 1) this.#rows.add(first.bucket + names, first.advisory);
    else {
      const advisory = this.#unite();
      for (const bucket of new Set(this.#found.map((row) => row.bucket))) this.#rows.add(bucket + names, advisory);
    }
    this.#found = [];
    this.#kept = 0;
    this.#isCut = false;
  }

  #leave(first: string, record: string): void {
    if (!this.#isCut) this.#losses.add('unionTooLarge', first);
    this.#isCut = true;
    this.#losses.add('unionTooLarge', record);
  }

  #unite(): string {
    const advisories = this.#found.map(({ advisory }) => parseKnownJson(advisory) as Advisory);
    const { grammar } = ecosystemOfTrivy(this.#key.slice(0, this.#key.indexOf(SEPARATOR)));
    const versions = mergeAdvisoryVersions(
      grammar,
      advisories.map(({ VulnerableVersions: vulnerable = [], PatchedVersions: patched = [] }) => ({
        vulnerable,
        patched,
      })),
    );
    return encodeAdvisory(versions, [...new Set(advisories.flatMap(({ VendorIDs = [] }) => VendorIDs))]);
  }
}
