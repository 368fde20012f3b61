import { parseKnownJson } from '#core';
import { decodeKey, readItems, type Sorter } from '#sort';
import type { VersionGrammar } from '#versions';
import { type Ecosystem, ecosystemOfTrivy } from '../ecosystems.ts';
import { mergeAdvisoryVersions } from './advisory-versions.ts';
import type { OsAdvice } from './affected.ts';
import { uniteDecorations } from './decorations.ts';
import type { TrivyDbLosses } from './losses.ts';
import { uniteOsVersions } from './os-versions.ts';
import { type Advisory, AdvisoryRow, encodeAdvisory, encodeOsAdvisory, SEPARATOR } from './rows.ts';

/** How what records say of one package and id becomes one row. */
export interface UnionRules {
  /** Beyond so many characters, what further records say is left out. 8 Mi by default. */
  readonly maxUnion?: number;
  /** Where a root bucket's source stands in the order of precedence: only those with the least count. By default all. */
  readonly rankOf?: (bucket: string) => number;
}

const DEFAULT_RULES: Required<UnionRules> = { maxUnion: 8 * 1024 * 1024, rankOf: () => 0 };

/**
 * Writes the advisories of a database: where several records speak of one package under one id, what they say together,
 * in the bucket of each source. Trivy would take the last of the buckets, and the records of one source have one key.
 * Where one source takes precedence, only what its records say, in its bucket.
 *
 * @param advisories as RowMaker has filled it; rows of one key are in byte order of record
 * @param rows where the rows of the database go
 */
export async function uniteAdvisories(
  advisories: Sorter,
  rows: Sorter,
  losses: TrivyDbLosses,
  rules: UnionRules = {},
): Promise<void> {
  const group = new AdvisoryGroup(rows, losses, { ...DEFAULT_RULES, ...rules });
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
  readonly #rules: Required<UnionRules>;
  #key = '';
  #found: AdvisoryRow[] = [];
  /** How many of them lie in memory of their own. */
  #kept = 0;
  /** Characters of those found, where they are several. */
  #size = 0;
  #isCut = false;

  constructor(rows: Sorter, losses: TrivyDbLosses, rules: Required<UnionRules>) {
    this.#rows = rows;
    this.#losses = losses;
    this.#rules = rules;
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
      if (this.#size + row.length > this.#rules.maxUnion) {
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
    const ecosystem = ecosystemOfTrivy(this.#key.slice(0, -names.length));
    const [winner = first, ...others] = this.#winners();
    const winners = others.length === 0 ? undefined : [winner, ...others];
    const advisory = winners === undefined ? winner.advisory : this.#unite(winners, ecosystem);
    // Of operating systems trivy reads the one bucket of a release.
    if (ecosystem.os !== undefined) this.#rows.add(this.#key, advisory);
    else if (winners === undefined) this.#rows.add(winner.bucket + names, advisory);
    else for (const bucket of new Set(winners.map((row) => row.bucket))) this.#rows.add(bucket + names, advisory);
    this.#found = [];
    this.#kept = 0;
    this.#isCut = false;
  }

  /** The rows of the sources that take precedence; the others are lost. */
  #winners(): readonly AdvisoryRow[] {
    if (this.#found.length === 1) return this.#found;
    const ranks = this.#found.map(({ bucket }) => this.#rules.rankOf(decodeKey(bucket)));
    const best = ranks.reduce((least, rank) => Math.min(least, rank));
    for (const [i, { record }] of this.#found.entries()) {
      if ((ranks[i] as number) > best) this.#losses.add('outranked', record, '/affected');
    }
    return this.#found.filter((_, i) => ranks[i] === best);
  }

  #leave(first: string, record: string): void {
    if (!this.#isCut) this.#losses.add('unionTooLarge', first);
    this.#isCut = true;
    this.#losses.add('unionTooLarge', record);
  }

  #unite(rows: readonly AdvisoryRow[], { grammar, os }: Ecosystem): string {
    const advisories = rows.map(({ advisory }) => parseKnownJson(advisory) as Advisory);
    const vendorIds = [...new Set(advisories.flatMap(({ VendorIDs = [] }) => VendorIDs))];
    const decorations = uniteDecorations(advisories.map(({ Custom }) => Custom));
    if (os !== undefined) return encodeOsAdvisory(this.#uniteSystem(rows, advisories, grammar), vendorIds, decorations);
    const versions = mergeAdvisoryVersions(
      grammar,
      advisories.map(({ VulnerableVersions: vulnerable = [], PatchedVersions: patched = [] }) => ({
        vulnerable,
        patched,
      })),
    );
    return encodeAdvisory(versions, vendorIds, decorations);
  }

  #uniteSystem(rows: readonly AdvisoryRow[], advisories: readonly Advisory[], grammar: VersionGrammar): OsAdvice {
    const { versions, isWidened } = uniteOsVersions(
      advisories.map(({ AffectedVersion: introduced, FixedVersion: fixed }) => ({ introduced, fixed })),
      grammar,
    );
    if (isWidened) for (const { record } of rows) this.#losses.add('rangesWidened', record, '/affected');
    return { ...versions, severity: advisories.reduce((most, { Severity = 0 }) => Math.max(most, Severity), 0) };
  }
}
