import { expect, test } from 'vitest';
import type { Loss } from '#artifacts';
import type { Digest, Instant } from '#core';
import type { WithheldRecord } from '#evidence';
import { parseExportManifest } from '../../src/export/export-manifest.generated.ts';
import { encodeExportManifest, makeExportManifest, parametersOf } from '../../src/export/export-manifest.ts';
import { artifactAnnotations } from '../../src/export/forms/layers.ts';
import { inputsHashOf, rerunHashOf } from '../../src/export/hashes.ts';
import type { Plan } from '../../src/export/plan.ts';

const digest = (byte: string) => `sha256:${byte.repeat(32)}` as Digest;
const withheld = (record: string, code: WithheldRecord['code'] = 'ERR_EXPORT_RECORD_INVALID'): WithheldRecord => ({
  record,
  code,
  pointer: '',
});

/** A plan with 10 selected records, of which the selector left out 3 more. */
function planWith(records: Partial<Plan['records']> = {}): Plan {
  return {
    request: { tenant: 'acme', withholdInvalid: true },
    profile: {
      name: 'trivy:db',
      revision: 'r1',
      summary: 'for help texts alone',
      adapter: { name: 'trivy-db', version: 7 },
    },
    selector: { ecosystems: ['Go'] },
    options: { validForSeconds: 60 },
    asOf: '2026-08-22T00:00:00Z' as Instant,
    records: {
      kept: 10,
      leftOut: { ecosystems: 3 },
      unscored: 2,
      withheld: [],
      classes: { advisories: { count: 10, digest: digest('cd') } },
      ...records,
    },
  } as unknown as Plan;
}

const layer = { path: 'db.tar.gz', digest: digest('ab'), sizeBytes: 5, records: 10, mediaType: 'application/x' };
const nothing = { withheld: [], losses: [] };

/** So many records that a rule of the builder left out. */
function left(reason: string, count: number): Loss {
  const listed = Array.from({ length: count }, (_, i) => ({ record: `A-${i}`, parts: 1, pointer: '' }));
  return { reason, scope: 'record', records: count, parts: count, digest: digest('ef'), listed };
}

test('makeExportManifest: says what was asked for, what went in and what came out', () => {
  const manifest = makeExportManifest(planWith(), [layer], nothing);
  expect(manifest).toMatchObject({
    schema: 'https://stellaops.io/export-center/schemas/export-manifest/v1',
    version: '1.0.0',
    profile: { kind: 'trivy', variant: 'db', name: 'trivy:db', revision: 'r1' },
    tenant: 'acme',
    selector: { ecosystems: ['Go'] },
    asOf: '2026-08-22T00:00:00Z',
    adapters: [{ name: 'trivy-db', version: 7 }],
    inputs: {
      classes: { advisories: { count: 10, digest: digest('cd') } },
      options: { skipInvalid: true, validForSeconds: 60 },
    },
    contents: [layer],
    records: { kept: 10, leftOut: { ecosystems: 3 }, unscored: 2, withheld: 0 },
    withheld: [],
  });
  expect(Object.keys(manifest.profile)).not.toContain('summary');
  expect(manifest.inputsHash).toBe(inputsHashOf(manifest));
  expect(manifest.rerunHash).toBe(rerunHashOf([layer]));
  expect(manifest).not.toHaveProperty('shards');
  expect(manifest).not.toHaveProperty('losses');
});

test('makeExportManifest: contents are in byte order of path, and how shards were cut stands there', () => {
  const paths = ['indexes/a.json', 'data/z', 'data/b/c', 'data/b.c', 'Data/x'];
  const contents = paths.map((path) => ({ ...layer, path }));
  const manifest = makeExportManifest(planWith(), contents, { ...nothing, shards: { k: 6 } });
  expect(manifest.contents.map((content) => content.path)).toEqual([
    'Data/x',
    'data/b.c',
    'data/b/c',
    'data/z',
    'indexes/a.json',
  ]);
  expect(manifest.shards).toEqual({ k: 6 });
});

test('makeExportManifest: what the builder withholds or leaves out is not kept, and all is accounted for', () => {
  const plan = planWith({ withheld: [withheld('GO-2'), withheld('sha256:00')] });
  const report = { withheld: [withheld('GO-1', 'ERR_EXPORT_RANGE_INVALID')], losses: [left('rejected', 2)] };
  const manifest = makeExportManifest(plan, [{ ...layer, records: 7 }], report);
  const { records, withheld: listed } = manifest;
  expect(manifest).toMatchObject({ version: '1.1.0', losses: report.losses });
  expect(records).toEqual({ kept: 7, leftOut: { ecosystems: 3, rejected: 2 }, unscored: 2, withheld: 3 });
  expect(listed.map((entry) => entry.record)).toEqual(['GO-1', 'GO-2', 'sha256:00']);
  // 10 selected, 3 not, 2 not valid: each is somewhere.
  const leftOut = Object.values(records.leftOut).reduce((sum, count) => sum + count, 0);
  expect(records.kept + leftOut + records.withheld).toBe(10 + 3 + 2);
});

test('makeExportManifest: a clause and a rule of one name both count', () => {
  const plan = planWith({ leftOut: { withdrawn: 40 } });
  const { records } = makeExportManifest(plan, [layer], {
    withheld: [],
    losses: [left('withdrawn', 4)],
  });
  expect(records).toMatchObject({ kept: 6, leftOut: { withdrawn: 44 } });
});

test('makeExportManifest: what does not conform to the schema is not written', () => {
  expect(() => makeExportManifest(planWith(), [{ ...layer, path: '../up' }], nothing)).toThrow(
    expect.objectContaining({ code: 'ERR_EXPORT_SCHEMA' }),
  );
});

test('encodeExportManifest: canonical JSON and a line end, which reads back as the same', () => {
  const manifest = makeExportManifest(planWith(), [layer], nothing);
  const text = Buffer.from(encodeExportManifest(manifest)).toString();
  expect(
    text.startsWith('{"adapters":[{"name":"trivy-db","version":7}],"asOf":"2026-08-22T00:00:00Z","contents":'),
  ).toBe(true);
  expect(text.endsWith('}\n')).toBe(true);
  expect(text.indexOf('\n')).toBe(text.length - 1);
  expect(parseExportManifest(Buffer.from(text), 'export.json')).toEqual(manifest);
});

test('parametersOf: the request, and nothing of what was found', () => {
  expect(parametersOf(makeExportManifest(planWith(), [layer], nothing))).toEqual({
    profile: { kind: 'trivy', variant: 'db', name: 'trivy:db', revision: 'r1' },
    tenant: 'acme',
    selector: { ecosystems: ['Go'] },
    asOf: '2026-08-22T00:00:00Z',
    options: { skipInvalid: true, validForSeconds: 60 },
  });
});

test('artifactAnnotations: asOf is the one time, and the source is the profile at its revision', () => {
  expect(artifactAnnotations(makeExportManifest(planWith(), [layer], nothing))).toEqual({
    'org.opencontainers.image.created': '2026-08-22T00:00:00Z',
    'org.opencontainers.image.version': '2026-08-22T00:00:00Z',
    'org.opencontainers.image.source': 'urn:export-center:profile:trivy:db:r1',
  });
});
