import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseKnownJson } from '#core';
import { generateSchemaCode, type Schema } from './schema-code.ts';

const SCHEMAS = 'manifests-schema';
const ENDING = '.schema.json';

/** The folder of the package that reads and writes such documents, as the schema's `$comment` has it. */
const DESTINATION = /^Code: (src(?:\/[a-z-]+)+)$/;

/**
 * The generated files of a checkout, by path, as they should be.
 *
 * @throws Error for a schema that has no destination
 */
export async function generateAll(root: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const name of await schemaNames(root)) {
    const schema = parseKnownJson(await readFile(join(root, SCHEMAS, `${name}${ENDING}`))) as Schema;
    const folder = DESTINATION.exec(schema.$comment ?? '')?.[1];
    if (folder === undefined) throw new Error(`${name}${ENDING}: its $comment does not name a folder: Code: src/…`);
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

/** What is not as the schemas want it: generated files that differ, are missing or are left over. */
export async function findStale(root: string): Promise<string[]> {
  const wanted = await generateAll(root);
  const there = (await readdir(join(root, 'src'), { recursive: true }))
    .map((path) => `src/${path.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.generated.ts'));
  const stale: string[] = [];
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
