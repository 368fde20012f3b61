import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { findStale, generateAll } from '../../scripts/generate-schemas.ts';
import { generateSchemaCode } from '../../scripts/schema-code.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';

const checkout = join(import.meta.dirname, '../..');
const TYPES = 'src/export/export-manifest.generated.ts';
const VALIDATOR = 'src/export/export-manifest.validator.generated.ts';
let root: string;

beforeEach(async () => {
  root = await makeTempDir();
  await cp(join(checkout, 'manifests-schema'), join(root, 'manifests-schema'), { recursive: true });
  await cp(join(checkout, 'src'), join(root, 'src'), { recursive: true });
});

test('what is committed is what the schemas give', async () => {
  expect(await findStale(checkout)).toEqual([]);
});

test('a changed schema makes its code stale', async () => {
  const path = join(root, 'manifests-schema/export-manifest.schema.json');
  const schema = await readFile(path, 'utf8');
  await writeFile(path, schema.replace('Whose evidence this is.', 'Whose evidence it is.'));
  expect(await findStale(root)).toEqual([TYPES, VALIDATOR]);
});

test('a file edited by hand is stale, and so is one that no schema gives', async () => {
  await writeFile(join(root, TYPES), `${await readFile(join(root, TYPES), 'utf8')}\n`);
  await writeFile(join(root, 'src/core/left-over.generated.ts'), '');
  expect(await findStale(root)).toEqual(['src/core/left-over.generated.ts', TYPES]);
});

test('a missing file and a missing schema are stale', async () => {
  await rm(join(root, VALIDATOR));
  await rm(join(root, 'manifests-schema/export-index.schema.json'));
  expect(await findStale(root)).toEqual(
    expect.arrayContaining(['src/artifacts/json/export-index.generated.ts', VALIDATOR]),
  );
});

test('a schema that does not say where its code goes is an error', async () => {
  await writeFile(join(root, 'manifests-schema/stray.schema.json'), '{}');
  await expect(generateAll(root)).rejects.toThrow('stray.schema.json: its $comment does not name a folder');
});

test('a validator that would import something at run time is refused', async () => {
  const schema = { type: 'object', properties: { a: { type: 'array', items: {}, uniqueItems: true } } };
  await expect(generateSchemaCode(schema, 'needy')).rejects.toThrow('needy: the validator would need a module');
});

test('a schema that is not strict is refused', async () => {
  await expect(generateSchemaCode({ type: 'object', requried: ['a'] }, 'typo')).rejects.toThrow('requried');
});
