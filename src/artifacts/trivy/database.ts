import type { BboltEntry } from '#bbolt';
import { parseKnownJson } from '#core';
import type { SortedItem } from '#sort';
import type { TrivyDbLosses } from './losses.ts';
import { recordOfRow, rootBuckets, SEPARATOR, vulnerabilityOfRow } from './rows.ts';
import {
  encodeVulnerability,
  mergeVulnerabilities,
  uniteVulnerabilities,
  type Vulnerability,
} from './vulnerability.ts';

/** In bytes. */
const MAX_VIEWS = 8 * 1024 * 1024;

/**
 * The entries of a trivy.db from its rows in order: what several records say of a vulnerability becomes one value.
 *
 * @param compare orders ids of data sources: the first that has a text is taken
 * @param maxViews beyond so many bytes, what further records say of one id is left out
 */
export async function* databaseEntries(
  rows: AsyncIterable<readonly SortedItem[]>,
  losses: TrivyDbLosses,
  compare: CompareSources,
  maxViews: number = MAX_VIEWS,
): AsyncGenerator<readonly BboltEntry[]> {
  const entries = new EntryMaker(losses, new VulnerabilityViews(maxViews, compare));
  for await (const batch of rows) {
    for (const row of batch) entries.add(row);
    yield entries.take();
    await losses.relieve();
  }
  entries.finish();
  yield entries.take();
}

type CompareSources = (a: string, b: string) => number;

/** Turns rows into entries; those of one vulnerability together. */
class EntryMaker {
  readonly #losses: TrivyDbLosses;
  readonly #views: VulnerabilityViews;
  readonly #names = new NameRoom();
  #entries: BboltEntry[] = [];
  #vulnerability = '';
  #bucket: { readonly key: string; readonly path: readonly Uint8Array[] } = { key: '', path: [] };
  #hasVulnerabilities = false;
  #dataSource = '';

  constructor(losses: TrivyDbLosses, views: VulnerabilityViews) {
    this.#losses = losses;
    this.#views = views;
  }

  add(row: SortedItem): void {
    if (isVulnerability(row.key)) {
      this.#addView(row);
      return;
    }
    // Of `wolfi`, which comes behind them.
    if (this.#vulnerability !== '') this.#closeVulnerability();
    if (!this.#isRepeated(row.key))
      this.#entries.push({ bucket: this.#pathOf(row.key), key: this.#lastNameOf(row.key), value: row.value });
  }

  /** Each thread that maps records names the data sources that it has met. */
  #isRepeated(key: string): boolean {
    if (!key.startsWith(rootBuckets.dataSource + SEPARATOR)) return false;
    const isRepeated = key === this.#dataSource;
    this.#dataSource = key;
    return isRepeated;
  }

  /**
   * What has become of the rows so far, valid until the next row; what is still to come of them is kept in memory of its
   * own.
   */
  take(): readonly BboltEntry[] {
    const entries = this.#entries;
    this.#entries = [];
    this.#views.copy();
    this.#bucket = { key: '', path: [] };
    this.#names.clear();
    return entries;
  }

  finish(): void {
    this.#closeVulnerability();
    // Trivy crashes at its first finding where this bucket is missing. Where one comes after it, it has rows.
    if (!this.#hasVulnerabilities) this.#entries.push({ bucket: [Buffer.from(rootBuckets.vulnerability)] });
  }

  #addView(row: SortedItem): void {
    const [, id = '', source = ''] = row.key.split(SEPARATOR);
    if (id !== this.#vulnerability) this.#closeVulnerability();
    this.#vulnerability = id;
    const isAdded = this.#views.add({ source, value: vulnerabilityOfRow(row) });
    if (!isAdded) this.#losses.add('descriptionTooLarge', recordOfRow(row));
  }

  #closeVulnerability(): void {
    const value = this.#views.take();
    if (value === undefined) return;
    const path = this.#pathOf(`${rootBuckets.vulnerability}${SEPARATOR}`);
    this.#entries.push({ bucket: path, key: this.#names.put(this.#vulnerability), value });
    this.#vulnerability = '';
    this.#hasVulnerabilities = true;
  }

  /** The names of the buckets in a key; the same array as long as they are the same. */
  #pathOf(key: string): readonly Uint8Array[] {
    const buckets = key.slice(0, key.lastIndexOf(SEPARATOR));
    if (buckets !== this.#bucket.key || this.#bucket.path.length === 0) {
      const path = buckets.split(SEPARATOR).map((name) => this.#names.put(name));
      this.#bucket = { key: buckets, path };
    }
    return this.#bucket.path;
  }

  #lastNameOf(key: string): Uint8Array {
    return this.#names.put(key.slice(key.lastIndexOf(SEPARATOR) + 1));
  }
}

const FIRST_ROOM = 64 * 1024;

/** Names of one batch of entries, in memory that is used again for the next. */
class NameRoom {
  readonly #room = Buffer.allocUnsafeSlow(FIRST_ROOM);
  #filled = 0;

  /** A name, of one byte a character, as bytes. */
  put(name: string): Uint8Array {
    const start = this.#filled;
    const end = start + name.length;
    // Names that were put before keep the room in which they are.
    if (end > this.#room.length) return Buffer.from(name, 'latin1');
    this.#room.write(name, start, 'latin1');
    this.#filled = end;
    return this.#room.subarray(start, end);
  }

  clear(): void {
    this.#filled = 0;
  }
}

interface SourceView {
  readonly source: string;
  readonly value: Uint8Array;
}

/** What records say of one vulnerability, in at most so many bytes. */
class VulnerabilityViews {
  readonly #maxBytes: number;
  readonly #compare: CompareSources;
  #views: SourceView[] = [];
  #bytes = 0;
  /** How many of the views lie in memory of their own. */
  #copied = 0;

  constructor(maxBytes: number, compare: CompareSources) {
    this.#maxBytes = maxBytes;
    this.#compare = compare;
  }

  /** False where there is no room for it; the first one is always taken. */
  add(view: SourceView): boolean {
    const bytes = this.#bytes + view.value.byteLength;
    if (this.#views.length > 0 && bytes > this.#maxBytes) return false;
    this.#views.push(view);
    this.#bytes = bytes;
    return true;
  }

  /** Copies what was added, whose memory is about to be used again. */
  copy(): void {
    for (; this.#copied < this.#views.length; this.#copied++) {
      const { source, value } = this.#views[this.#copied] as SourceView;
      this.#views[this.#copied] = { source, value: new Uint8Array(value) };
    }
  }

  /** What all sources say, each once, and begins with the next vulnerability; undefined where nobody says anything. */
  take(): Uint8Array | undefined {
    const [first, ...others] = this.#views;
    const value = others.length === 0 ? first?.value : this.#merged();
    this.#views = [];
    this.#bytes = 0;
    this.#copied = 0;
    return value;
  }

  #merged(): Uint8Array {
    const bySource = Map.groupBy(this.#views, ({ source }) => source);
    const ordered = [...bySource].sort(([a], [b]) => this.#compare(a, b));
    const united = ordered.map(([, found]) => uniteVulnerabilities(found.map(decodeView)));
    return Buffer.from(encodeVulnerability(mergeVulnerabilities(united)), 'utf8');
  }
}

function decodeView({ value }: SourceView): Vulnerability {
  return parseKnownJson(Buffer.from(value).toString('utf8')) as unknown as Vulnerability;
}

function isVulnerability(key: string): boolean {
  return key.startsWith(rootBuckets.vulnerability + SEPARATOR);
}
