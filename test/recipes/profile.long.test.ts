import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RecipeCheckout } from './checkout.ts';

/** A profile that no product needs: the keys of all records, one a line, with an option that no other profile has. */
const PROFILE = `
import { type Build, type ContentCheck } from '#artifacts';
import { CodedError, type JsonObject } from '#core';
import type { RecordSet } from '#evidence';
import { selfDescribingForm } from '../forms.ts';
import { defineProfile, type Profile } from './profile.ts';

const path = 'data/keys.txt';

export const jsonKeys: Profile = defineProfile<{ readonly end: string }>({
  name: 'json:keys',
  revision: 'r1',
  summary: 'the keys of the records',
  artifactType: 'application/vnd.example.keys.v1',
  adapter: { name: 'json-keys', version: 1 },
  passes: 1,
  options: {
    flags: [{ member: 'end', flags: '--line-end <text>', description: 'what ends a line', parse: (text) => text }],
    defaults: { end: ';' },
    read: ({ end, ...others }: JsonObject, name) => {
      if (typeof end === 'string' && Object.keys(others).length === 0) return { end };
      throw new CodedError('ERR_EXPORT_SCHEMA', name + ': /end must be a string');
    },
  },
  form: selfDescribingForm,
  build: ({ records, options }): Build => ({
    drafts: (async function* () {
      const chunks = linesOf(records, options.end);
      yield { path, mediaType: 'text/plain', records: records.kept, chunks };
    })(),
    report: () => ({ withheld: [], losses: [] }),
  }),
  check: (manifest, { end }): ContentCheck => {
    let lines = 0;
    return {
      file: async (title, chunks) => {
        let text = '';
        for await (const chunk of chunks) text += Buffer.from(chunk).toString();
        if (title === path) lines = text.split(end).length - 1;
      },
      end: async () => {
        if (lines !== manifest.records.kept) throw new CodedError('ERR_EXPORT_CONTENT_MISMATCH', path);
      },
    };
  },
});

async function* linesOf(records: RecordSet, end: string): AsyncGenerator<Uint8Array> {
  for (const name of ['advisories', 'vex'] as const)
    for await (const batch of records.batches(name)) for (const { key } of batch) yield Buffer.from(key + end);
}
`;

let checkout: RecipeCheckout;
beforeAll(async () => {
  checkout = await RecipeCheckout.create();
  await checkout.addFile('src/export/profiles/json-keys.ts', PROFILE);
  await checkout.edit('src/export/profiles/registry.ts', {
    'import { jsonRaw }': "import { jsonKeys } from './json-keys.ts';\nimport { jsonRaw }",
    '[jsonRaw,': '[jsonKeys, jsonRaw,',
  });
});
afterAll(() => checkout.remove());

const exporting = (...more: string[]) =>
  checkout.run('bin/export-center', 'export', '--source', 'examples/evidence', '--to', 'oci:out:1', ...more);

test('a profile is one new file and its lines in the registry: it is exported, listed in help and verified', async () => {
  expect(await checkout.changedFiles()).toEqual([
    'src/export/profiles/json-keys.ts',
    'src/export/profiles/registry.ts',
  ]);
  await checkout.run('bin/export-center', 'keys', 'generate', '--out', 'keys');
  const exported = await exporting('--profile', 'json:keys', '--key', 'keys/cosign.key', '--line-end', '|');
  expect(exported).toMatchObject({ code: 0, stderr: '' });
  expect(exported.stdout).toMatch(/^json:keys {2}sha256:/);
  const verified = await checkout.run('bin/export-center', 'verify', 'oci:out:1', '--key', 'keys/cosign.pub');
  expect(verified).toMatchObject({ code: 0 });
  expect(verified.stdout).toContain('content     json:keys of default');
  await checkout.run('bin/export-center', 'pull', 'oci:out:1', '-o', 'pulled');
  expect(await readFile(join(checkout.path, 'pulled/data/keys.txt'), 'utf8')).toMatch(/^[A-Z]+-[^|]*\|.*\|$/);
  const help = await checkout.run('bin/export-center', 'export', '--help');
  expect(help.stdout).toMatch(/json:keys/);
  expect(help.stdout).toMatch(/--line-end <text>/);
});

test('an option of one profile is refused by another', async () => {
  for (const [profile, flag] of [
    ['json:raw', '--line-end'],
    ['trivy:db', '--line-end'],
    ['json:keys', '--valid-for'],
  ] as const) {
    const { code, stderr } = await exporting('--profile', profile, '--unsigned', flag, '1h');
    expect(code).toBe(2);
    expect(stderr).toContain(`${flag} can't be used with --profile ${profile}`);
  }
});

test('a program without the profile refuses the bundle, and names what to do', async () => {
  const registry = join(checkout.path, 'src/export/profiles/registry.ts');
  await writeFile(
    registry,
    (await readFile(registry, 'utf8')).replace(/.*json-keys.*\n/, '').replace('jsonKeys, ', ''),
  );
  const { code, stderr } = await checkout.run('bin/export-center', 'verify', 'oci:out:1', '--key', 'keys/cosign.pub');
  expect(code).toBe(3);
  expect(stderr).toContain('the profile json:keys r1 or its options are not supported by this version');
  expect(stderr).toContain('hint: verify with the version of Export Center that made it, or a newer one');
  expect(await exporting('--profile', 'json:keys', '--unsigned')).toMatchObject({ code: 2 });
});
