import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CodedError, type JsonObject } from '#core';
import { checkExportManifest, parseExportManifest } from '../../src/export/export-manifest.generated.ts';
import { readJson } from '../core/read-json.ts';

const schemas = join(import.meta.dirname, '../../manifests-schema');
const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;

const valid = {
  schema: 'https://stellaops.io/export-center/schemas/export-manifest/v1',
  version: '1.1.0',
  profile: { kind: 'json', variant: 'raw', name: 'json:raw', revision: 'r1' },
  tenant: 'default',
  selector: { ecosystems: ['Go'], packages: ['golang.org/x/*'], modifiedSince: '2026-01-01T00:00:00Z' },
  asOf: '2026-08-22T10:11:12.5Z',
  adapters: [{ name: 'json', version: 1 }],
  shards: { k: 5 },
  inputs: { classes: { advisories: { count: 2, digest } }, options: { skipInvalid: true } },
  inputsHash: digest,
  contents: [
    {
      path: 'data/raw/advisories/0000.jsonl.zst',
      digest,
      sizeBytes: 10,
      records: 2,
      mediaType: 'application/vnd.stellaops.export.records.v1.jsonl+zstd',
    },
  ],
  rerunHash: digest,
  records: { kept: 2, leftOut: { ecosystems: 7 }, unscored: 0, withheld: 1 },
  withheld: [{ record: 'GO-2024-0001', code: 'ERR_EXPORT_RECORD_INVALID', pointer: '/affected/0/ranges~1x' }],
  losses: [
    {
      reason: 'withdrawn',
      scope: 'record',
      records: 1,
      parts: 1,
      digest,
      listed: [{ record: 'GO-2024-0002', parts: 1, pointer: '' }],
    },
  ],
};

/** The faults found after one member, named by pointer, was replaced; without a value it is taken away. */
function faultsWith(pointer: string, value?: unknown): unknown {
  const copy = structuredClone(valid) as unknown as Record<string, unknown>;
  const steps = pointer.split('/').slice(1);
  const last = steps.pop() as string;
  let parent = copy;
  for (const step of steps) parent = parent[step] as Record<string, unknown>;
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  try {
    checkExportManifest(copy as JsonObject, 'export.json');
  } catch (error) {
    expect(error).toBeInstanceOf(CodedError);
    expect(error).toMatchObject({ code: 'ERR_EXPORT_SCHEMA', details: { name: 'export.json' } });
    return ((error as CodedError).details['faults'] as { pointer: string }[]).map((fault) => fault.pointer);
  }
  return [];
}

test('a valid document passes, and comes back as it was', () => {
  const bytes = Buffer.from(JSON.stringify(valid));
  expect(parseExportManifest(bytes, 'export.json')).toEqual(valid);
});

test.each([
  ['/schema'],
  ['/version'],
  ['/profile'],
  ['/tenant'],
  ['/selector'],
  ['/asOf'],
  ['/adapters'],
  ['/inputs'],
  ['/inputs/classes'],
  ['/inputs/options'],
  ['/inputsHash'],
  ['/contents'],
  ['/contents/0/path'],
  ['/contents/0/digest'],
  ['/contents/0/sizeBytes'],
  ['/contents/0/records'],
  ['/contents/0/mediaType'],
  ['/rerunHash'],
  ['/records'],
  ['/records/leftOut'],
  ['/withheld'],
  ['/withheld/0/pointer'],
  ['/losses/0/reason'],
  ['/losses/0/digest'],
  ['/losses/0/listed'],
  ['/losses/0/listed/0/pointer'],
])('%s must be there', (pointer) => {
  expect(faultsWith(pointer)).toEqual([pointer]);
});

test.each(['', '/profile', '/selector', '/adapters/0', '/shards', '/inputs', '/inputs/classes'])(
  'a member of %j that the schema does not know is refused',
  (parent) => {
    expect(faultsWith(`${parent}/note`, 1)).toEqual([`${parent}/note`]);
  },
);

test.each([
  ['/schema', 'https://stellaops.io/export-center/schemas/export-manifest/v2'],
  ['/version', '2.0.0'],
  ['/profile/revision', 'r0'],
  ['/tenant', 'Default'],
  ['/tenant', '-a'],
  ['/asOf', '2026-08-22 10:11:12Z'],
  ['/asOf', '2026-08-22T10:11:12.50Z'],
  ['/asOf', '2026-08-22T10:11:12+02:00'],
  ['/shards/k', 65],
  ['/losses', []],
  ['/losses/0/scope', 'half'],
  ['/losses/0/listed', []],
  ['/losses/0/listed', Array(1001).fill({ record: 'A', parts: 1, pointer: '' })],
  ['/losses/0/listed/0/record', ''],
  ['/inputs/classes/advisories/count', -1],
  ['/inputs/classes/advisories/count', 1.5],
  ['/inputsHash', digest.toUpperCase()],
  ['/inputsHash', `sha512:${'0'.repeat(128)}`],
  ['/contents', []],
  ['/contents/0/path', '../etc/passwd'],
  ['/contents/0/path', 'data/../x'],
  ['/contents/0/path', '/data'],
  ['/contents/0/path', 'data//x'],
  ['/contents/0/path', 'data\\x'],
  ['/contents/0/path', '.hidden'],
  ['/contents/0/path', `${'a'.repeat(129)}`],
  ['/contents/0/mediaType', 'text'],
  ['/contents/0/sizeBytes', '10'],
  ['/withheld/0/record', 'a\nb'],
  ['/withheld/0/code', 'OTHER'],
  ['/withheld/0/pointer', 'affected'],
  ['/withheld/0/pointer', '/~2'],
])('%s may not be %j', (pointer, value) => {
  expect(faultsWith(pointer, value)).toEqual([pointer]);
});

test('every fault is named, not the first alone', () => {
  const bytes = Buffer.from(JSON.stringify({ ...valid, tenant: 'A', asOf: 'now', 'a/b~c': 1 }));
  const expected = expect.objectContaining({
    code: 'ERR_EXPORT_SCHEMA',
    message: expect.stringContaining('and 2 more'),
    details: expect.objectContaining({
      faults: expect.arrayContaining([
        { pointer: '/tenant', problem: expect.stringContaining('must match pattern') },
        { pointer: '/asOf', problem: expect.stringContaining('must match pattern') },
        { pointer: '/a~1b~0c', problem: 'is not known' },
      ]),
    }),
  });
  expect(() => parseExportManifest(bytes, 'export.json')).toThrow(expected);
});

test('faults are counted out after a hundred, however many there are', () => {
  const content = { path: '..', digest: '', sizeBytes: -1, records: -1, mediaType: '' };
  const document = { ...valid, contents: Array.from({ length: 5000 }, () => content) } as unknown as JsonObject;
  expect(() => checkExportManifest(document, 'export.json')).toThrow('and 99 more');
});

test('the request in the provenance and in export.json have one form', () => {
  const read = (name: string): { $defs: Record<string, unknown> } =>
    readJson(readFileSync(join(schemas, `${name}.schema.json`), 'utf8')) as { $defs: Record<string, unknown> };
  const manifest = read('export-manifest').$defs;
  const parameters = read('export-provenance-parameters').$defs;
  expect(Object.keys(parameters)).toEqual(expect.arrayContaining(['profile', 'selector', 'options']));
  for (const [name, definition] of Object.entries(parameters)) expect(manifest[name], name).toEqual(definition);
});
