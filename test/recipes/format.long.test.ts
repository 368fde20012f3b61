import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readJson } from '../core/read-json.ts';
import { RecipeCheckout } from './checkout.ts';

/** A format that nobody publishes, in the class of OSV records. */
const FORMAT = `
import { filled } from './check.ts';
import type { RecordFormat } from './format.ts';
import { ObjectCheck } from './object-check.ts';
import { recordTime } from './timestamp.ts';

const members = { bulletin: filled, changed: recordTime, product: filled };

export const bulletin: RecordFormat = {
  name: 'bulletin',
  title: 'Bulletin',
  class: 'advisories',
  schema: new ObjectCheck(members, { required: ['bulletin', 'changed', 'product'] }),
  looksLike: (value) => Object.hasOwn(value, 'bulletin'),
  recordKeyOf: (found) => found.text('bulletin') as string,
  recordKeyOfInvalid: ({ bulletin }) => (typeof bulletin === 'string' ? bulletin : undefined),
  modifiedOf: (found) => found.text('changed') as string,
  propertiesOf: ({ bulletin, product }) => ({
    ids: () => [String(bulletin)],
    packages: () => [{ ecosystem: 'Example', name: String(product) }],
    severity: () => undefined,
    isWithdrawn: () => false,
  }),
};
`;

const bulletin = { bulletin: 'B-1', changed: '2026-01-02T00:00:00Z', product: 'pump' };
const other = { bulletin: 'B-2', changed: '2026-01-03T00:00:00Z', product: 'valve' };
const advisory = {
  id: 'A-1',
  modified: '2026-01-01T00:00:00Z',
  affected: [{ package: { ecosystem: 'npm', name: 'left' }, versions: ['1.0.0'] }],
};

let checkout: RecipeCheckout;
beforeAll(async () => {
  checkout = await RecipeCheckout.create();
  await checkout.addFile('src/evidence/formats/bulletin.ts', FORMAT);
  await checkout.edit('src/evidence/formats/registry.ts', {
    'import type { RecordFormat }': "import { bulletin } from './bulletin.ts';\nimport type { RecordFormat }",
    '[osv,': '[bulletin, osv,',
  });
  await mkdir(join(checkout.path, 'records'));
  for (const [name, record] of Object.entries({ bulletin, other, advisory }))
    await writeFile(join(checkout.path, 'records', `${name}.json`), JSON.stringify(record));
  await checkout.run('bin/export-center', 'keys', 'generate', '--out', 'keys');
});
afterAll(() => checkout.remove());

const exporting = (profile: string, ...more: string[]) => {
  const args = ['--source', 'records', '--to', `oci:out:${profile.slice(0, 4)}`, '--key', 'keys/cosign.key'];
  return checkout.run('bin/export-center', 'export', '--profile', profile, ...args, ...more);
};

test('a format is one new file and its lines in the registry: json:raw carries both formats of a class', async () => {
  expect(await checkout.changedFiles()).toEqual([
    'src/evidence/formats/bulletin.ts',
    'src/evidence/formats/registry.ts',
  ]);
  expect(await exporting('json:raw')).toMatchObject({ code: 0, stderr: '' });
  const verified = await checkout.run('bin/export-center', 'verify', 'oci:out:json', '--key', 'keys/cosign.pub');
  expect(verified).toMatchObject({ code: 0 });
  expect(verified.stdout).toContain('3 records');
  await checkout.run('bin/export-center', 'pull', 'oci:out:json', '-o', 'pulled');
  const index = await readFile(join(checkout.path, 'pulled/indexes/advisories.index.json'), 'utf8');
  expect(readJson(index)).toMatchObject({ class: 'advisories', records: 3 });
});

test('a selector asks records of the new format', async () => {
  const { code, stdout } = await exporting('json:raw', '--package', 'pump');
  expect(code).toBe(0);
  expect(stdout).toContain('1 record, 2 left out');
});

test('a builder that does not read the format lists its records as left out', async () => {
  const { code, stderr } = await exporting('trivy:db');
  expect(code).toBe(0);
  expect(stderr).toContain('formatNotCarried: 2 records: B-1, B-2');
});

test('an invalid record of the format is refused by its key', async () => {
  const source = join(checkout.path, 'invalid.json');
  await writeFile(source, JSON.stringify({ ...bulletin, changed: 'never' }));
  const { code, stderr } = await exporting('json:raw', '--source', source);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^error ERR_EXPORT_RECORD_INVALID: .*record B-1: .*at \/changed/);
});
