import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseKnownJson } from '#core';
import { generateSchemaCode, type Schema } from './schema-code.ts';

/** Where the code of each schema goes: the folder of the room that reads and writes such documents. */
const DESTINATIONS: Readonly<Record<string, string>> = {
  'export-index': 'src/artifacts/json',
  'export-manifest': 'src/export',
  'export-provenance-parameters': 'src/signing',
};

const SCHEMAS = 'manifests-schema';
const ENDING = '.schema.json';

/**
 * The generated files of a checkout, by path, as they should be.
 *
 * @throws Error for a schema that has no destination
 */
export async function generateAll(root: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const name of await schemaNames(root)) {
    const folder = DESTINATIONS[name];
    if (folder === undefined) throw new Error(`${name}${ENDING} has no destination (scripts/generate-schemas.ts)`);
    const schema = parseKnownJson(await readFile(join(root, SCHEMAS, `${name}${ENDING}`))) as Schema;
    const code = await generateSchemaCode(schema, name);
    files.set(`${folder}/${name}.generated.ts`, code.types);
    files.set(`${folder}/${name}.validator.generated.ts`, code.validator);
  }
  return files;
}

async function schemaNames(root: string): Promise<string[]> {
  const files = await readdir(join(root, SCHEMAS));
  return files
    .filter((file) => file.endsWith(ENDING))
    .map((file) => file.slice(0, -ENDING.length))
    .sort();
}

/** What is not as the schemas want it: generated files that differ, are missing or are left over; schemas that are gone. */
export async function findStale(root: string): Promise<string[]> {
  const wanted = await generateAll(root);
  const there = (await readdir(join(root, 'src'), { recursive: true }))
    .map((path) => `src/${path.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.generated.ts'));
  const names = await schemaNames(root);
  const stale = Object.keys(DESTINATIONS)
    .filter((name) => !names.includes(name))
    .map((name) => `${SCHEMAS}/${name}${ENDING}`);
  for (const path of new Set([...wanted.keys(), ...there])) {
    const text = await readFile(join(root, path), 'utf8').catch(() => undefined);
    if (text !== wanted.get(path)) stale.push(path);
  }
  return stale.sort();
}

async function writeAll(root: string): Promise<void> {
  for (const [path, text] of await generateAll(root)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '..');
  if (process.argv.includes('--check')) {
    const stale = await findStale(root);
    for (const path of stale) console.error(`${path}: stale or missing; run \`npm run generate\``);
    process.exitCode = stale.length === 0 ? 0 : 1;
  } else {
    await writeAll(root);
  }
}
