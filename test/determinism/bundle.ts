import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CliFixture, CommandOptions } from '../bad-input/fixture.ts';
import { readJson } from '../core/read-json.ts';

export const profiles = ['json:raw', 'trivy:db'] as const;
export type ProfileName = (typeof profiles)[number];

/** All of a bundle that may not differ from run to run. */
export interface BundleFacts {
  readonly digest: string;
  readonly layers: readonly { readonly title: string; readonly digest: string; readonly size: number }[];
  /** SHA-256 of every file of the layout, by path: what was written, whatever was reported. */
  readonly files: Readonly<Record<string, string>>;
}

let count = 0;

/** Exports without a signature, which is the part that may differ, into a layout of its own. */
export async function exportBundle(
  fixture: CliFixture,
  profile: ProfileName,
  sources: readonly string[],
  options: CommandOptions & { readonly args?: readonly string[] } = {},
): Promise<BundleFacts & { readonly layout: string }> {
  const layout = join(fixture.path, `layout-${count++}`);
  const args = ['--profile', profile, '--unsigned', '--output', 'json', '--to', `oci:${layout}:x`];
  for (const source of sources) args.push('--source', source);
  const outcome = await fixture.run(['export', ...args, ...(options.args ?? [])], options);
  if (outcome.exit !== 0) throw new Error(`export ended with ${outcome.exit}:\n${outcome.stderr}`);
  const { digest, layers } = readJson(outcome.stdout) as BundleFacts;
  const facts = layers.map(({ title, digest: layer, size }) => ({ title, digest: layer, size }));
  return { digest, layers: facts, files: await hashFiles(layout), layout };
}

async function hashFiles(folder: string): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const entry of (await readdir(folder, { recursive: true, withFileTypes: true })).sort()) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    hashes[path.slice(folder.length + 1)] = createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  }
  return hashes;
}

/** As much of export.json as tests look at. */
export interface ExportJson {
  readonly inputsHash: string;
  readonly rerunHash: string;
  readonly adapters: readonly { readonly name: string; readonly version: number }[];
  readonly records: { readonly kept: number; readonly withheld: number };
  readonly withheld: readonly { readonly record: string; readonly code: string; readonly pointer: string }[];
}

/** The export.json of the one bundle in a layout, wherever the profile puts it. */
export async function readExportJson(layout: string): Promise<ExportJson> {
  const blobs = join(layout, 'blobs/sha256');
  for (const name of await readdir(blobs)) {
    const text = await readFile(join(blobs, name), 'latin1');
    if (text.startsWith('{') && text.includes('"rerunHash"'))
      return readJson(await readFile(join(blobs, name), 'utf8'));
  }
  throw new Error(`${layout}: no export.json`);
}
