import type { BboltEntry, BboltFile } from '#bbolt';
import { isCoded, parseJsonObject } from '#core';
import type { EntryBatches } from './cursor.ts';
import { notMergeable } from './failures.ts';
import { rootNames, textOfName } from './names.ts';

/** A trivy.db, with what its root says. */
export interface TrivyDatabase {
  /** All entries, in order. */
  batches(): EntryBatches;
  /** Names of the root buckets, in byte order. */
  readonly roots: readonly string[];
  /** The id of the data source of each bucket of advisories that has one. */
  readonly sourceIds: ReadonlyMap<string, string>;
}

/** A value of `data-source` has some hundred bytes. */
const MAX_SOURCE_BYTES = 64 * 1024;

/** @throws CodedError ERR_EXPORT_CONTENT_MISMATCH where it is no trivy.db */
export async function readDatabase(file: BboltFile): Promise<TrivyDatabase> {
  const roots: string[] = [];
  const sourceIds = new Map<string, string>();
  let last: Uint8Array | undefined;
  for await (const batch of file.batches()) {
    for (const entry of batch) {
      const [root] = entry.bucket;
      if (root !== last) {
        last = root;
        const name = nameOfRoot(root);
        if (name !== roots.at(-1)) roots.push(name);
      }
      if (roots.at(-1) === rootNames.dataSource) addSource(sourceIds, entry);
    }
  }
  return { batches: () => file.batches(), roots, sourceIds };
}

function nameOfRoot(root: Uint8Array | undefined): string {
  if (root === undefined || root.includes(0)) throw notMergeable('a root bucket has a name that Trivy does not use');
  return textOfName(root);
}

function addSource(sourceIds: Map<string, string>, { key, value }: BboltEntry): void {
  if (key === undefined || value === undefined) return;
  try {
    const { ID } = parseJsonObject(value, 'data source', { maxBytes: MAX_SOURCE_BYTES });
    if (typeof ID === 'string') sourceIds.set(textOfName(key), ID);
  } catch (error) {
    // Trivy shows a finding without its source then.
    if (!isCoded(error, 'ERR_EXPORT_JSON_INVALID')) throw error;
  }
}

/** The entries of one root bucket, in order. */
export async function* entriesOfRoot(database: TrivyDatabase, name: string): EntryBatches {
  const wanted = Buffer.from(name, 'utf8');
  for await (const batch of database.batches()) {
    yield batch.filter(({ bucket: [root] }) => root !== undefined && wanted.equals(root));
  }
}
