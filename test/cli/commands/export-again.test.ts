import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { readJson } from '../../core/read-json.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { cli, cliJson } from '../command-line.ts';

let dir: string;
beforeEach(async () => {
  dir = await makeTempDir();
});

interface Layer {
  readonly title: string;
  readonly digest: string;
}

const advisories = Array.from({ length: 150 }, (_, n) => ({
  id: `A-${n}`,
  modified: '2026-02-01T00:00:00Z',
  details: `what is known of number ${n}`,
  database_specific: { serial: n },
}));
const documents = Array.from({ length: 40 }, (_, n) => ({
  '@context': 'https://openvex.dev/ns/v0.2.0',
  '@id': `https://example.com/vex/${n}`,
  author: 'Example',
  timestamp: '2026-02-03T04:05:06Z',
  version: 1,
  statements: [{ vulnerability: { name: `CVE-2026-${1000 + n}` }, status: 'fixed' }],
}));

test('a bundle that was pulled is exported to the same digest, and pulled incompletely it is refused', async () => {
  const source = join(dir, 'all.jsonl');
  await writeFile(source, [...advisories, ...documents].map((record) => JSON.stringify(record)).join('\n'));
  const exporting = ['export', '--profile', 'json:raw', '--unsigned'];
  const first = await cliJson(...exporting, '--source', source, '--to', `oci:${dir}/layout:1`);
  const folder = join(dir, 'pulled');
  expect((await cli('pull', `oci:${dir}/layout:1`, '--dir', folder)).status).toBe(0);
  const again = await cli(...exporting, '--source', folder, '--to', `oci:${dir}/layout:2`, '--output', 'json');
  expect(again.err).toContain('checksums.txt');
  const second = readJson(again.out) as Record<string, unknown>;
  expect(second['layers']).toEqual((first['layers'] as Layer[]).map((layer) => ({ ...layer, state: 'present' })));
  expect(second['digest']).toBe(first['digest']);
  const shards = (first['layers'] as Layer[]).filter(({ title }) => title.endsWith('.jsonl.zst'));
  expect(shards.length).toBeGreaterThan(4);

  await rm(join(folder, (shards[1] as Layer).title));
  const refused = await cli(...exporting, '--source', folder, '--to', `oci:${dir}/layout:3`);
  expect([refused.status, refused.out]).toEqual([3, '']);
  expect(refused.err).toContain('ERR_EXPORT_DIGEST_MISMATCH');
});
