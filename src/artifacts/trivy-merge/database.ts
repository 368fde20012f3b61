import type { BboltElement, BboltFile, BboltStart } from '#bbolt';
import { CodedError, isCoded, parseJsonObject } from '#core';
import type { EntryBatches } from './cursor.ts';
import { notMergeable } from './failures.ts';
import { rootNames, textOfName } from './names.ts';

/** A trivy.db, with what its root says. */
export interface TrivyDatabase {
  /** All entries in order, or those of a bucket. */
  batches(start?: BboltStart): EntryBatches;
  /** Names of the root buckets, in byte order. */
  readonly roots: readonly string[];
  /** The id of the data source of each bucket of advisories that has one. */
  readonly sourceIds: ReadonlyMap<string, string>;
}

/** A trivy.db has some hundred. */
const MAX_ROOTS = 10_000;

/** A value of `data-source` has some hundred bytes. */
const MAX_SOURCE_BYTES = 64 * 1024;

/** @throws CodedError ERR_EXPORT_CONTENT_MISMATCH where it is no trivy.db */
export async function readDatabase(file: BboltFile): Promise<TrivyDatabase> {
  const roots: string[] = [];
  for await (const batch of file.elements([])) {
    roots.push(...batch.map(nameOfRoot));
    if (roots.length > MAX_ROOTS) throw tooMany('root buckets');
  }
  const sourceIds = new Map<string, string>();
  for await (const batch of file.elements([Buffer.from(rootNames.dataSource)])) {
    for (const element of batch) addSource(sourceIds, element);
    if (sourceIds.size > MAX_ROOTS) throw tooMany('data sources');
  }
  return { batches: (start) => file.batches(start), roots, sourceIds };
}

function nameOfRoot({ key, value }: BboltElement): string {
  if (value !== undefined) throw notMergeable('a value outside of all buckets');
  if (key.includes(0)) throw notMergeable('a root bucket has a name that Trivy does not use');
  return textOfName(key);
}

function addSource(sourceIds: Map<string, string>, { key, value }: BboltElement): void {
  if (value === undefined) return;
  try {
    const { ID } = parseJsonObject(value, 'data source', { maxBytes: MAX_SOURCE_BYTES });
    if (typeof ID === 'string') sourceIds.set(textOfName(key), ID);
  } catch (error) {
    // Trivy shows a finding without its source then.
    if (!isCoded(error, 'ERR_EXPORT_JSON_INVALID')) throw error;
  }
}

function tooMany(what: string): CodedError {
  return new CodedError('ERR_EXPORT_TOO_LARGE', `Trivy database: more than ${MAX_ROOTS} ${what}`, {
    hint: 'check that the file is a database built for Trivy',
  });
}

/** The entries of one root bucket, in order; whole buckets as one entry, if told. */
export function entriesOfRoot(database: TrivyDatabase, name: string, whole = false): EntryBatches {
  return database.batches({ bucket: [Buffer.from(name, 'utf8')], whole });
}
