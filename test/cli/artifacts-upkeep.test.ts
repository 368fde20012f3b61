import { readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { openLayout } from '#oci/layout';
import { openStore, openStoreRepository } from '#oci/store';
import { readJson } from '../core/read-json.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { describe, noise, pushArtifact, pushBytes } from '../oci/content.ts';
import { cli, cliJson } from './command-line.ts';

let dir: string;
let artifact: Descriptor;
let place: string;

beforeEach(async () => {
  dir = await makeTempDir();
  place = `oci:${dir}/layout`;
  const layout = await openLayout(join(dir, 'layout'), { create: true });
  artifact = await pushArtifact(layout, 'artifact');
  await layout.tag(artifact, 'v1');
  await pushBytes(layout, noise(1000));
  await layout.close();
});

const blobs = () => join(dir, 'layout/blobs/sha256');

async function age(): Promise<void> {
  const then = new Date(Date.now() - 48 * 3_600_000);
  for (const name of await readdir(blobs())) await utimes(join(blobs(), name), then, then);
}

test('fsck: unreachable is no fault, missing is: exit status 3', async () => {
  const stray = { place, kind: 'unreachable', object: 'blob', name: describe(noise(1000)).digest };
  const counts = { missing: 0, damaged: 0, unreadable: 0, wrongSize: 0, unreachable: 1, leftover: 0 };
  expect(await cliJson('fsck', place)).toEqual({ places: [place], counts, findings: [stray] });
  const lost = describe(Buffer.from('artifact')).digest;
  await rm(join(blobs(), lost.slice(7)));
  const json = await cli('fsck', place, '--output', 'json');
  expect(json.status).toBe(3);
  expect(readJson(json.err)).toMatchObject({
    error: { code: 'ERR_EXPORT_CONTENT_MISMATCH', details: { missing: 1 } },
  });
  expect(readJson(json.out)).toMatchObject({ counts: { missing: 1 } });
  const lines = (await cli('fsck', place, '--output', 'ndjson')).out.trim().split('\n');
  expect(lines.map((line) => readJson(line) as unknown)).toEqual([
    { place, kind: 'missing', object: 'blob', name: lost, namedBy: artifact.digest },
    stray,
  ]);
  const text = await cli('fsck', place);
  expect(text.out).toContain(`${place}\tmissing\tblob ${lost}, named by ${artifact.digest}\n`);
  expect(text.out).toContain(`${place}: 1 missing, 0 damaged, 1 unreachable, 0 leftovers`);
});

test('gc: tells with --dry-run, takes without it, and leaves what is young', async () => {
  const nothing = { place, manifests: 0, blobs: 0, leftovers: 0, sizeBytes: 0, skipped: [] };
  const stray = { ...nothing, blobs: 1, sizeBytes: 1000 };
  expect(await cliJson('gc', place)).toEqual({ dryRun: false, places: [nothing] });
  await age();
  expect(await cliJson('gc', place, '--grace', '72h')).toEqual({ dryRun: false, places: [nothing] });
  expect(await cliJson('gc', place, '--dry-run')).toEqual({ dryRun: true, places: [stray] });
  expect((await cli('gc', place)).out).toBe(`${place}: deleted 0 manifests, 1 blob, 0 leftovers, 1000 B\n`);
  expect(await cliJson('fsck', place)).toMatchObject({ findings: [] });
});

test('gc: leaves a layout with a damaged manifest alone: exit status 3', async () => {
  await writeFile(join(blobs(), artifact.digest.slice(7)), noise(artifact.size));
  await age();
  const { status, out, err } = await cli('gc', place);
  expect([status, err]).toEqual([3, expect.stringContaining('export-center fsck')]);
  expect(out).toContain(`skipped: ${artifact.digest}`);
  expect(await readdir(blobs())).toContain(describe(noise(1000)).digest.slice(7));
});

test('fsck, gc: each tenant of a registry store, or one', async () => {
  const data = join(dir, 'data');
  for (const tenant of ['acme', 'default']) {
    const repository = openStoreRepository(await openStore(join(data, 'registry'), { tenant }), 'team/app');
    await repository.tag(await pushArtifact(repository, tenant), 'v1');
    await pushBytes(repository, noise(100, tenant));
  }
  expect(await cliJson('fsck', '--data', data)).toMatchObject({
    places: ['store:acme', 'store:default'],
    counts: { missing: 0, damaged: 0, unreachable: 2 },
  });
  expect(await cliJson('fsck', '--data', data, '--tenant', 'acme')).toMatchObject({
    findings: [{ place: 'store:acme', repository: 'team/app', name: describe(noise(100, 'acme')).digest }],
  });
  expect(await cliJson('gc', '--data', data, '--dry-run')).toMatchObject({ places: [{ blobs: 0 }, { blobs: 0 }] });
  expect((await cli('gc', '--data', data, '--grace', '1s')).status).toBe(2);
  expect((await cli('fsck', '--data', data, '--tenant', 'nobody')).status).toBe(1);
});

test.each([
  ['nothing', []],
  ['two places', ['oci:a', '--data', 'b']],
  ['a tag', ['oci:a:v1']],
  ['an archive', ['oci-archive:a']],
  ['a registry', ['127.0.0.1:1/a']],
  ['a tenant of a layout', ['oci:a', '--tenant', 'b']],
])('fsck, gc: %s is a usage error', async (_, args) => {
  for (const verb of ['fsck', 'gc']) expect((await cli(verb, ...args)).status).toBe(2);
});
