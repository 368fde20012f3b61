import { type BboltEntry, BboltFile } from '#bbolt';
import { compareInstants, type Instant, isCoded, parseJsonObject } from '#core';
import { datesOf, kindOf, maxSourceBytes, readDatabase, textOfName } from '../trivy-merge.ts';
import type { TrivyDbFile } from './unpack.ts';

/** Who published the advisories of a bucket, as `data-source` has it. */
interface SurveyedSource {
  readonly id: string;
  readonly name: string;
  readonly url: string;
}

/** What a root bucket of a trivy.db holds, sub-buckets included. */
interface SurveyedBucket {
  readonly name: string;
  readonly keys: number;
  /** Of keys and values. */
  readonly bytes: number;
  /** Buckets in it; of advisories, packages. */
  readonly packages: number;
  readonly source?: SurveyedSource;
}

/** The first and the last of some times. */
interface Ages {
  readonly oldest: Instant;
  readonly newest: Instant;
}

/** What a trivy.db holds. */
export interface DatabaseSurvey {
  readonly keys: number;
  readonly bytes: number;
  /** In byte order of name. */
  readonly buckets: readonly SurveyedBucket[];
  readonly vulnerabilities: number;
  /** When vulnerabilities were published, and changed last, where any says so. */
  readonly published?: Ages;
  readonly modified?: Ages;
}

/** @throws CodedError ERR_EXPORT_CONTENT_MISMATCH where it is not a trivy.db */
export async function surveyTrivyDb({ path, name }: TrivyDbFile, signal?: AbortSignal): Promise<DatabaseSurvey> {
  await using file = await BboltFile.open(path, { name, signal });
  const { roots } = await readDatabase(file);
  const surveyor = new Surveyor(roots);
  for await (const batch of file.batches()) for (const entry of batch) surveyor.add(entry);
  return surveyor.finish();
}

interface Counts {
  keys: number;
  bytes: number;
  packages: number;
}

class Surveyor {
  readonly #roots: ReadonlySet<string>;
  readonly #buckets = new Map<string, Counts>();
  readonly #sources = new Map<string, SurveyedSource>();
  readonly #published = new AgeRange();
  readonly #modified = new AgeRange();
  #root: Uint8Array | undefined;
  #name = '';
  #path: readonly Uint8Array[] | undefined;

  /** @param roots names of all root buckets */
  constructor(roots: readonly string[]) {
    this.#roots = new Set(roots);
  }

  add(entry: BboltEntry): void {
    const { bucket, key, value } = entry;
    const [root] = bucket;
    if (root !== this.#root) {
      this.#root = root;
      this.#name = root === undefined ? '' : textOfName(root);
    }
    const counts = this.#countsOf(this.#name);
    if (bucket !== this.#path) {
      if (bucket.length > 1) counts.packages++;
      this.#path = bucket;
    }
    if (key === undefined || value === undefined) return;
    counts.keys++;
    counts.bytes += key.byteLength + value.byteLength;
    const kind = bucket.length === 1 ? kindOf(this.#name) : undefined;
    if (kind === 'dataSource') this.#addSource(textOfName(key), value);
    if (kind === 'vulnerability') this.#addDates(value);
  }

  finish(): DatabaseSurvey {
    const buckets = [...this.#buckets].map(([name, counts]) => {
      const source = this.#sources.get(name);
      return { name, ...counts, ...(source === undefined ? {} : { source }) };
    });
    const [published, modified] = [this.#published.ages, this.#modified.ages];
    return {
      keys: buckets.reduce((sum, { keys }) => sum + keys, 0),
      bytes: buckets.reduce((sum, { bytes }) => sum + bytes, 0),
      buckets,
      vulnerabilities: this.#buckets.get('vulnerability')?.keys ?? 0,
      ...(published === undefined ? {} : { published }),
      ...(modified === undefined ? {} : { modified }),
    };
  }

  #countsOf(name: string): Counts {
    const found = this.#buckets.get(name);
    if (found !== undefined) return found;
    const counts = { keys: 0, bytes: 0, packages: 0 };
    this.#buckets.set(name, counts);
    return counts;
  }

  #addSource(bucket: string, value: Uint8Array): void {
    if (!this.#roots.has(bucket)) return;
    try {
      const source = parseJsonObject(value, 'data source', { maxBytes: maxSourceBytes });
      const { ID: id, Name: name, URL: url } = source;
      const text = (member: unknown) => (typeof member === 'string' ? member : '');
      this.#sources.set(bucket, { id: text(id), name: text(name), url: text(url) });
    } catch (error) {
      if (!isCoded(error, 'ERR_EXPORT_JSON_INVALID')) throw error;
    }
  }

  #addDates(value: Uint8Array): void {
    const { published, modified } = datesOf(value);
    this.#published.add(published);
    this.#modified.add(modified);
  }
}

class AgeRange {
  ages: Ages | undefined;

  add(time: Instant | undefined): void {
    if (time === undefined) return;
    const { oldest = time, newest = time } = this.ages ?? {};
    if (this.ages !== undefined && compareInstants(time, oldest) >= 0 && compareInstants(time, newest) <= 0) return;
    this.ages = {
      oldest: compareInstants(time, oldest) < 0 ? time : oldest,
      newest: compareInstants(time, newest) > 0 ? time : newest,
    };
  }
}
