import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseReference, type Repository } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { exportReport, runHere, sample, succeed } from './cli.ts';
import { dockerReferences, provenancesIn } from './cosign/envelopes.ts';
import { openLayouts, openServe, type Registry } from './places.ts';

let dir: string;
let registry: Registry;
beforeAll(async () => {
  dir = await makeTempDir();
  registry = await openServe(join(dir, 'data'));
  await succeed(['keys', 'generate', '--out', join(dir, 'keys')]);
});
afterAll(async () => {
  await registry.close();
});

const source = ['--profile', 'json:raw', '--source', sample];
const signing = (): string[] => ['--key', join(dir, 'keys', 'cosign.key')];
const layout = (name: string): string => openLayouts(dir).reference(name, '1');

function exportTo(references: readonly string[], more: readonly string[] = []) {
  const to = references.flatMap((reference) => ['--to', reference]);
  return exportReport([...source, ...signing(), ...to, ...more], runHere);
}

async function within<T>(reference: string, use: (repository: Repository) => Promise<T>): Promise<T> {
  const repository = await openRepository(parseReference(reference));
  try {
    return await use(repository);
  } finally {
    await repository.close();
  }
}

test('one build to several tags and places: one digest, one provenance, nothing sent twice to one repository', async () => {
  const { host } = registry;
  const places = [`${host}/one/feed:1`, `${host}/one/feed:monday`, `${host}/two/feed:1`, layout('several')];
  const report = await exportTo(places);
  const reports = [report, ...(report.alsoPublished ?? [])];
  expect(reports.map(({ reference }) => reference)).toEqual(places.map((place) => `${place}@${report.digest}`));
  const states = reports.map(({ layers }) => [...new Set(layers.map(({ state }) => state))]);
  expect(states).toEqual([['uploaded'], ['present'], [expect.stringMatching(/^(mounted|uploaded)$/)], ['uploaded']]);
  expect(reports[1]?.bytesSent).toBe(0);
  expect(reports.map(({ referrers }) => referrers)).toEqual(Array(4).fill(report.referrers));

  const seen = [];
  for (const place of places) {
    const { code, stderr } = await runHere(['verify', place, '--key', join(dir, 'keys', 'cosign.pub')]);
    expect({ place, code, stderr }).toEqual({ place, code: 0, stderr: '' });
    for (const form of ['tag', 'sigstoreBundle'] as const) {
      seen.push(...(await within(place, (repository) => provenancesIn(repository, report.digest, form))));
    }
  }
  expect(seen).toHaveLength(2 * places.length);
  expect(new Set(seen.map(({ payload, signature }) => payload + signature)).size).toBe(1);
});

test('a signature names the repository that it lies in, and in a layout what --signed-as says', async () => {
  const places = [`${registry.host}/named/feed:1`, layout('named')];
  const { digest } = await exportTo(places, ['--signed-as', 'registry.example/security/feed']);
  const names = places.map((place) => within(place, (repository) => dockerReferences(repository, digest)));
  expect(await Promise.all(names)).toEqual([[`${registry.host}/named/feed`], ['registry.example/security/feed']]);
  const { digest: same } = await exportTo([layout('unnamed')]);
  const [name] = await within(layout('unnamed'), (repository) => dockerReferences(repository, same));
  expect(name).toMatch(/^localhost\//);
});

test.each([
  ['neither --key nor --unsigned', () => []],
  ['both', () => [...signing(), '--unsigned']],
])('%s is a usage error, and nothing is published', async (_, flags) => {
  const { code, stderr } = await runHere(['export', ...source, '--to', `${registry.host}/none/feed:1`, ...flags()]);
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/^error ERR_EXPORT_USAGE: .*\nhint: /) });
  expect((await fetch(`http://${registry.host}/v2/none/feed/tags/list`)).status).toBe(404);
});
