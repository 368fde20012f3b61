import type { BboltEntry } from '#bbolt';
import { compareText, parseKnownJson } from '#core';
import type { Row } from '../row-run.ts';
import { compareSources } from './data-sources.ts';
import type { TrivyDbLosses } from './losses.ts';
import { decodeAdvisoryRow, rootBuckets, SEPARATOR } from './rows.ts';
import { encodeVulnerability, mergeVulnerabilities, type Vulnerability } from './vulnerability.ts';

/**
 * The entries of a trivy.db from its rows in order: of rows with one key the last counts, and what several sources say
 * of a vulnerability becomes one value.
 */
export async function* databaseEntries(
  rows: AsyncIterable<readonly Row[]>,
  losses: TrivyDbLosses,
): AsyncGenerator<readonly BboltEntry[]> {
  const entries = new EntryMaker(losses);
  for await (const batch of rows) {
    for (const row of batch) entries.add(row);
    yield entries.take();
  }
  entries.finish();
  yield entries.take();
}

/** Turns rows into entries, one row behind, since the next may replace it. */
class EntryMaker {
  readonly #losses: TrivyDbLosses;
  #entries: BboltEntry[] = [];
  #last: Row | undefined;
  #views: SourceView[] = [];
  #vulnerability = '';
  #bucket: { readonly key: string; readonly path: readonly Uint8Array[] } = { key: '', path: [] };
  #hasVulnerabilities = false;

  constructor(losses: TrivyDbLosses) {
    this.#losses = losses;
  }

  add(row: Row): void {
    const last = this.#last;
    this.#last = row;
    if (last === undefined) return;
    if (last.key !== row.key) this.#put(last);
    else if (!isVulnerability(row.key)) this.#losses.add('rowSuperseded', decodeAdvisoryRow(last).record);
  }

  /** What has become of the rows so far; what is still to come of them is kept in memory of its own. */
  take(): readonly BboltEntry[] {
    const entries = this.#entries;
    this.#entries = [];
    if (this.#last !== undefined) this.#last = { key: this.#last.key, value: new Uint8Array(this.#last.value) };
    this.#views = this.#views.map(({ source, value }) => ({ source, value: new Uint8Array(value) }));
    return entries;
  }

  finish(): void {
    if (this.#last !== undefined) this.#put(this.#last);
    this.#closeVulnerability();
    // Trivy crashes at its first finding where this bucket is missing. No other bucket comes after it: see rows.ts.
    if (!this.#hasVulnerabilities) this.#entries.push({ bucket: [Buffer.from(rootBuckets.vulnerability)] });
  }

  #put(row: Row): void {
    if (!isVulnerability(row.key)) {
      this.#entries.push({ bucket: this.#pathOf(row.key), key: lastName(row.key), value: storedValue(row) });
      return;
    }
    const [, id = '', source = ''] = row.key.split(SEPARATOR);
    if (id !== this.#vulnerability) this.#closeVulnerability();
    this.#vulnerability = id;
    this.#views.push({ source, value: row.value });
  }

  #closeVulnerability(): void {
    const [first, ...others] = this.#views;
    if (first === undefined) return;
    const value = others.length === 0 ? first.value : merged(this.#views);
    const path = this.#pathOf(`${rootBuckets.vulnerability}${SEPARATOR}`);
    this.#entries.push({ bucket: path, key: Buffer.from(this.#vulnerability, 'latin1'), value });
    this.#views = [];
    this.#hasVulnerabilities = true;
  }

  /** The names of the buckets in a key; the same array as long as they are the same. */
  #pathOf(key: string): readonly Uint8Array[] {
    const buckets = key.slice(0, key.lastIndexOf(SEPARATOR));
    if (buckets !== this.#bucket.key || this.#bucket.path.length === 0) {
      const path = buckets.split(SEPARATOR).map((name) => Buffer.from(name, 'latin1'));
      this.#bucket = { key: buckets, path };
    }
    return this.#bucket.path;
  }
}

interface SourceView {
  readonly source: string;
  readonly value: Uint8Array;
}

function merged(views: readonly SourceView[]): Uint8Array {
  const ordered = views.toSorted((a, b) => compareSources(a.source, b.source) || compareText(a.source, b.source));
  const decoded = ordered.map(({ value }) => parseKnownJson(value) as unknown as Vulnerability);
  return Buffer.from(encodeVulnerability(mergeVulnerabilities(decoded)), 'utf8');
}

function isVulnerability(key: string): boolean {
  return key.startsWith(rootBuckets.vulnerability + SEPARATOR);
}

/** What trivy.db holds at the key of a row. */
function storedValue(row: Row): Uint8Array {
  return row.key.startsWith(rootBuckets.dataSource + SEPARATOR) ? row.value : decodeAdvisoryRow(row).advisory;
}

function lastName(key: string): Uint8Array {
  return Buffer.from(key.slice(key.lastIndexOf(SEPARATOR) + 1), 'latin1');
}
