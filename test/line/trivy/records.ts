import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readJson } from '../../core/read-json.ts';

/** As much of an OSV record as it takes to choose versions of packages. */
export interface OsvRecord {
  readonly id: string;
  readonly aliases?: readonly string[];
  readonly upstream?: readonly string[];
  readonly details?: string;
  readonly withdrawn?: string;
  readonly affected?: readonly OsvAffected[];
}

export interface OsvAffected {
  readonly package?: { readonly ecosystem: string; readonly name: string };
  readonly ranges?: readonly { readonly type: string; readonly events: readonly Readonly<Record<string, string>>[] }[];
  readonly versions?: readonly string[];
}

/** The records in a folder, read by nothing of ours, in the order of their files' names. */
export async function readRecords(folder: string): Promise<OsvRecord[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
  return Promise.all(names.map(async (name) => readJson(await readFile(join(folder, name), 'utf8')) as OsvRecord));
}
