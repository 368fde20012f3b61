import { isUtf8 } from 'node:buffer';
import type { BboltElement, BboltFile, BboltStart } from '#bbolt';
import { CodedError, isCoded, parseJsonObject } from '#core';
import { osEcosystemOfBucket } from '../os-ecosystems.ts';
import type { EntryBatches } from './cursor.ts';
import { notMergeable } from './failures.ts';
import { ecosystemOfRoot, rootNames, textOfName } from './names.ts';

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

/** Of all root buckets together, which are in memory; a trivy.db has some kilobytes. */
const MAX_NAME_BYTES = 16 * 1024 * 1024;

/** Buckets of one ecosystem, which are read side by side; a trivy.db has three at most. */
const MAX_BUCKETS = 100;

/** A value of `data-source` has some hundred bytes. */
export const maxSourceBytes = 4096;

/** @throws CodedError ERR_EXPORT_CONTENT_MISMATCH where it is not a trivy.db, ERR_EXPORT_TOO_LARGE */
export async function readDatabase(file: BboltFile): Promise<TrivyDatabase> {
  const roots = await readRoots(file);
  const sourceIds = await readSources(file, new Set(roots));
  return { batches: (start) => file.batches(start), roots, sourceIds };
}

/**
 * Refuses a base without any bucket that a database of Trivy has: an empty file, as a writer leaves one in place of a
 * damaged one, or the database of another program would pass for one without findings.
 *
 * @throws CodedError ERR_EXPORT_CONTENT_MISMATCH
 */
export async function checkIsTrivyDb(file: BboltFile): Promise<void> {
  const roots = await readRoots(file);
  if (roots.some(isOfTrivy)) return;
  throw notMergeable('no bucket of the base is known: it is empty, or the database of another program');
}

function isOfTrivy(root: string): boolean {
  if (Object.values<string>(rootNames).includes(root)) return true;
  return ecosystemOfRoot(root) !== undefined || osEcosystemOfBucket(root) !== undefined;
}

async function readRoots(file: BboltFile): Promise<readonly string[]> {
  const roots: string[] = [];
  const buckets = new Map<string, number>();
  let bytes = 0;
  for await (const batch of file.elements([])) {
    for (const element of batch) {
      const root = nameOfRoot(element, file.name);
      bytes += element.key.byteLength;
      if (roots.push(root) > MAX_ROOTS) throw tooMany(file.name, `${MAX_ROOTS} root buckets`);
      if (bytes > MAX_NAME_BYTES) throw tooMany(file.name, `${MAX_NAME_BYTES} bytes of names of root buckets`);
      const ecosystem = ecosystemOfRoot(root);
      if (ecosystem === undefined) continue;
      const count = (buckets.get(ecosystem) ?? 0) + 1;
      if (count > MAX_BUCKETS) throw tooMany(file.name, `${MAX_BUCKETS} root buckets of ${ecosystem}`);
      buckets.set(ecosystem, count);
    }
  }
  return roots;
}

function nameOfRoot({ key, value }: BboltElement, database: string): string {
  if (value !== undefined) throw notMergeable('a value outside of all buckets', undefined, database);
  if (key.includes(0) || !isUtf8(key)) {
    throw notMergeable('a root bucket has a name that Trivy does not use', undefined, database);
  }
  return textOfName(key);
}

/** Of the buckets that are there; so these are no more than they. */
async function readSources(file: BboltFile, roots: ReadonlySet<string>): Promise<ReadonlyMap<string, string>> {
  const sourceIds = new Map<string, string>();
  for await (const batch of file.elements([Buffer.from(rootNames.dataSource)])) {
    for (const { key, value } of batch) {
      const root = textOfName(key);
      const id = value === undefined || !roots.has(root) ? undefined : idOfSource(value);
      if (id !== undefined) sourceIds.set(root, id);
    }
  }
  return sourceIds;
}

/** Undefined where it cannot be read: Trivy shows a finding without its source then. */
function idOfSource(value: Uint8Array): string | undefined {
  try {
    const { ID } = parseJsonObject(value, 'data source', { maxBytes: maxSourceBytes });
    return typeof ID === 'string' ? ID : undefined;
  } catch (error) {
    if (!isCoded(error, 'ERR_EXPORT_JSON_INVALID')) throw error;
    return undefined;
  }
}

function tooMany(name: string, what: string): CodedError {
  return new CodedError('ERR_EXPORT_TOO_LARGE', `${name}: more than ${what}`, {
    hint: 'check that the file is a database built for Trivy',
  });
}

/** The entries of one root bucket, in order; whole buckets as one entry, if told. */
export function entriesOfRoot(database: TrivyDatabase, name: string, whole = false): EntryBatches {
  return database.batches({ bucket: [Buffer.from(name, 'utf8')], whole });
}
