import { describe, expect, test } from 'vitest';
import { digestOf, type JsonObject, type JsonValue } from '#core';
import { checkExportIndex, parseExportIndex } from '../../../src/artifacts/json/export-index.generated.ts';

const shard = {
  path: 'data/raw/advisories/474f.jsonl.zst',
  firstKey: 'GO',
  lastKey: 'GO-2',
  records: 2,
  digest: digestOf('shard'),
  sizeBytes: 10,
};
const valid = {
  schema: 'https://stellaops.io/export-center/schemas/export-index/v1',
  version: '1.0.0',
  view: 'raw',
  class: 'advisories',
  k: 5,
  records: 2,
  shards: [shard],
};

test('a valid index passes, and comes back as it was', () => {
  expect(parseExportIndex(Buffer.from(JSON.stringify(valid)), 'index')).toEqual(valid);
});

describe('refuses and points at', () => {
  const cases: readonly [string, JsonValue][] = [
    ['/extra', { ...valid, extra: 1 }],
    ['/schema', { ...valid, schema: 'https://example.org/v1' }],
    ['/version', { ...valid, version: '2.0.0' }],
    ['/view', { ...valid, view: 'policy' }],
    ['/class', { ...valid, class: 'sboms' }],
    ['/k', { ...valid, k: 65 }],
    ['/records', { ...valid, records: 0 }],
    ['/shards', { ...valid, shards: [] }],
    ...Object.keys(valid).map((name): [string, JsonValue] => [`/${name}`, without(valid, name)]),
    ['/shards/0/extra', { ...valid, shards: [{ ...shard, extra: 1 }] }],
    ...Object.keys(shard).map((name): [string, JsonValue] => [
      `/shards/0/${name}`,
      { ...valid, shards: [without(shard, name)] },
    ]),
    ['/shards/0/path', { ...valid, shards: [{ ...shard, path: 'data/raw/advisories/../474f.jsonl.zst' }] }],
    ['/shards/0/path', { ...valid, shards: [{ ...shard, path: '/etc/passwd' }] }],
    ['/shards/0/firstKey', { ...valid, shards: [{ ...shard, firstKey: 'a\nb' }] }],
    ['/shards/0/digest', { ...valid, shards: [{ ...shard, digest: 'sha256:12' }] }],
    ['/shards/0/sizeBytes', { ...valid, shards: [{ ...shard, sizeBytes: 1.5 }] }],
  ];
  test.each(cases)('%s', (pointer, value) => {
    let faults: unknown;
    try {
      checkExportIndex(value, 'index');
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_EXPORT_SCHEMA' });
      faults = (error as { details: { faults: unknown } }).details.faults;
    }
    expect(faults).toContainEqual(expect.objectContaining({ pointer }));
  });
});

function without(value: JsonObject, name: string): JsonObject {
  const { [name]: _, ...rest } = value;
  return rest;
}
