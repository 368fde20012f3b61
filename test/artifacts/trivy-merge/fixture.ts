import { join } from 'node:path';
import { BboltFile, writeBbolt } from '#bbolt';
import { type MergeOptions, type MergeReport, mergeTrivyDbs } from '../../../src/artifacts/trivy-merge/merge.ts';
import { type Content, entriesOf } from '../../bbolt/entries.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { type Dump, dumpDb } from '../trivy/fixture.ts';

/** A database as a value: names lead to buckets, to texts, or to values that are written as JSON. */
export interface Tree {
  readonly [name: string]: Tree | string | Json;
}

/** A value that is written as JSON. */
export class Json {
  readonly text: string;

  constructor(value: unknown) {
    this.text = JSON.stringify(value);
  }
}

export const json = (value: unknown): Json => new Json(value);

/** Content in the shape that entriesOf takes. */
function contentOf(tree: Tree): Content {
  return new Map(
    Object.entries(tree).map(([name, value]): [string, Uint8Array | Content] => {
      const key = Buffer.from(name, 'utf8').toString('latin1');
      if (typeof value === 'string') return [key, Buffer.from(value)];
      return [key, value instanceof Json ? Buffer.from(value.text) : contentOf(value as Tree)];
    }),
  );
}

/** Writes a database. */
export async function writeTree(path: string, tree: Tree): Promise<string> {
  await writeBbolt(path, [[...entriesOf(contentOf(tree))]]);
  return path;
}

export interface Merged {
  readonly path: string;
  readonly dump: Dump;
  readonly report: MergeReport;
  /** Conflicts as text: reason, id, rows, place. */
  readonly conflicts: readonly string[];
}

/** Merges two databases that are written for it; without own ones, the base alone. */
export async function mergeTrees(base: Tree, own?: Tree, options: Partial<MergeOptions> = {}): Promise<Merged> {
  const folder = await makeTempDir();
  const basePath = await writeTree(join(folder, 'base.db'), base);
  const ownPath = own && (await writeTree(join(folder, 'own.db'), own));
  return mergeFiles(folder, basePath, ownPath, options);
}

/** Merges two files. */
export async function mergeFiles(
  folder: string,
  basePath: string,
  ownPath: string | undefined,
  options: Partial<MergeOptions> = {},
): Promise<Merged> {
  await using baseFile = await BboltFile.open(basePath);
  await using ownFile = ownPath === undefined ? undefined : await BboltFile.open(ownPath);
  const merge = mergeTrivyDbs(baseFile, ownFile, { workDir: folder, ...options });
  const path = join(folder, 'merged.db');
  await writeBbolt(path, merge.entries);
  const report = merge.report();
  const conflicts = report.conflicts.flatMap(({ reason, listed }) =>
    listed.map(({ record, parts, pointer }) => `${reason} ${record} ${parts} ${pointer}`),
  );
  return { path, dump: await dumpDb(path), report, conflicts };
}
