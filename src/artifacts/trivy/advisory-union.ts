import { parseKnownJson } from '#core';
import { readItems, type Sorter } from '#sort';
import { ecosystemOfTrivy } from '../ecosystems.ts';
import { mergeAdvisoryVersions } from './advisory-versions.ts';
import type { TrivyDbLosses } from './losses.ts';
import { type Advisory, type AdvisoryRow, decodeAdvisoryRow, encodeAdvisory, rowKey, SEPARATOR } from './rows.ts';

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
    for (const { key, value } of batch) group.add(key, value.toString('utf8'));
    await rows.relieve();
    await losses.relieve();
  }
  group.close();
}

/** The advisories of one key, and what becomes of them. */
class AdvisoryGroup {
  readonly #rows: Sorter;
  readonly #losses: TrivyDbLosses;
  readonly #maxUnion: number;
  #key = '';
  #found: AdvisoryRow[] = [];
  #size = 0;
  #isCut = false;

  constructor(rows: Sorter, losses: TrivyDbLosses, maxUnion: number) {
    this.#rows = rows;
    this.#losses = losses;
    this.#maxUnion = maxUnion;
  }

  add(key: string, value: string): void {
    if (key !== this.#key) {
      this.close();
      this.#key = key;
    }
    const row = decodeAdvisoryRow(value);
    const [first] = this.#found;
    if (first !== undefined && this.#size + value.length > this.#maxUnion) {
      this.#leave(first.record, row.record);
      return;
    }
    this.#found.push(row);
    this.#size += value.length;
  }

  /** Writes what the records say together. */
  close(): void {
    const [first, ...others] = this.#found;
    if (first !== undefined) {
      const advisory = others.length === 0 ? first.advisory : this.#unite();
      const [, name = '', id = ''] = this.#key.split(SEPARATOR);
      for (const bucket of new Set(this.#found.map((row) => row.bucket))) {
        this.#rows.add(rowKey(bucket) + SEPARATOR + name + SEPARATOR + id, advisory);
      }
    }
    this.#found = [];
    this.#size = 0;
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
