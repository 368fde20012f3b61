import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { contentOf } from '#oci/image';
import { openLayout } from '#oci/layout';
import { readJson } from '../core/read-json.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { describe, pushArtifact } from '../oci/content.ts';
import { cli, cliJson as json } from './command-line.ts';

let dir: string;
let key: string;
let source: string;

beforeEach(async () => {
  dir = await makeTempDir();
  key = join(dir, 'keys', 'cosign.key');
  source = `oci:${dir}/source`;
  const record = { id: 'GO-2026-0001', modified: '2026-02-01T00:00:00Z', affected: [] };
  await writeFile(join(dir, 'record.json'), JSON.stringify(record));
  await cli('keys', 'generate', '--out', join(dir, 'keys'));
  await json(
    'export',
    '--profile',
    'json:raw',
    '--source',
    join(dir, 'record.json'),
    '--to',
    `${source}:1`,
    '--key',
    key,
  );
});

test('copy: signature, provenance and cosign tags go along, so that the copy verifies', async () => {
  const first = await json('copy', `${source}:1`, `oci:${dir}/copy:one`);
  expect(first).toMatchObject({ referrers: [{}, {}], fidelity: { complete: true, excluded: [] } });
  expect(first['bytesSent']).toBeGreaterThan(0);
  const verified = await json('verify', `oci:${dir}/copy:one`, '--key', join(dir, 'keys', 'cosign.pub'));
  expect(verified).toMatchObject({
    signatureForms: ['tag', 'sigstoreBundle'],
    provenanceForms: ['tag', 'sigstoreBundle'],
  });
  expect(await json('copy', `${source}:1`, `oci:${dir}/copy:one`)).toMatchObject({ bytesSent: 0, tagged: [] });
});

test('copy --all-tags: every tag of the source is at the target', async () => {
  await cli('tag', `${source}:1`, 'second');
  await json('copy', '--all-tags', source, `oci:${dir}/copy`);
  const tags = async (place: string) => ((await json('ls', place))['tags'] as { tag: string }[]).map(({ tag }) => tag);
  expect(await tags(`oci:${dir}/copy`)).toEqual(await tags(source));
  expect(await tags(source)).toContain('second');
});

test('copy: what is not there is an error that names it', async () => {
  const { status, err } = await cli('copy', `${source}:missing`, `oci:${dir}/copy:1`);
  expect(status).toBe(1);
  expect(err).toContain('error ERR_EXPORT_NOT_FOUND');
  expect(await readdir(dir)).not.toContain('copy');
});

test('ls: one line for each tag, the same facts in each format', async () => {
  const listed = await json('ls', source, '--long');
  const [{ tag, digest, size, mediaType }] = listed['tags'] as [Record<string, unknown>];
  const text = await cli('ls', source, '-l');
  expect(text.out.split('\n')[0]).toBe(`${tag}\t${digest}\t${size}\t${mediaType}`);
  const lines = (await cli('ls', source, '--long', '--output', 'ndjson')).out.trim().split('\n');
  expect(lines.map((line) => readJson(line) as unknown)).toEqual(listed['tags']);
});

test('inspect: --raw gives the manifest byte for byte', async () => {
  const { descriptor, manifest } = await json('inspect', `${source}:1`);
  const { digest, size } = descriptor as { digest: string; size: number };
  const { out } = await cli('inspect', `${source}:1`, '--raw');
  expect(Buffer.byteLength(out)).toBe(size);
  expect(readJson(out)).toEqual(manifest);
  expect(await readFile(join(dir, 'source', 'blobs', ...digest.split(':')), 'utf8')).toBe(out);
  expect((await cli('inspect', `${source}:1`)).out).toContain('export.json');
});

test('inspect: of an index shows the platforms', async () => {
  const layout = await openLayout(join(dir, 'multi'), { create: true });
  const platforms = [
    { architecture: 'amd64', os: 'linux' },
    { architecture: 'arm64', os: 'linux', variant: 'v8' },
    { architecture: 'amd64', os: 'windows', 'os.version': '10.0.20348.1' },
    {},
    undefined,
  ];
  const children = [];
  for (const [i, platform] of platforms.entries()) {
    const child = await pushArtifact(layout, `child ${i}`);
    children.push({ ...child, ...(platform === undefined ? {} : { platform }) });
  }
  const { bytes, descriptor } = describedIndex(children);
  await layout.push(descriptor, contentOf(bytes));
  await layout.tag(descriptor, 'v1');
  await layout.close();
  const { out } = await cli('inspect', `oci:${dir}/multi:v1`);
  const lines = children.map(({ digest }) => out.split('\n').find((line) => line.includes(digest)) ?? '');
  expect(lines.map((line) => line.trim().split('  ').slice(2, -1))).toEqual([
    ['linux/amd64'],
    ['linux/arm64/v8'],
    ['windows/amd64:10.0.20348.1'],
    ['unknown/unknown'],
    [],
  ]);
});

/** Written here, as hostile as a maker may be. */
function describedIndex(manifests: readonly object[]): { bytes: Buffer; descriptor: Descriptor } {
  const mediaType = 'application/vnd.oci.image.index.v1+json';
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests }));
  return { bytes, descriptor: describe(bytes, mediaType) };
}

test('discover: shows both forms of signature and provenance', async () => {
  const tree = await json('discover', `${source}:1`);
  const found = (tree['children'] as { found: string }[]).map(({ found: how }) => how.replace(/^sha256-[0-9a-f]+/, ''));
  expect(found).toEqual(['referrer', 'referrer', '.sig', '.att']);
  expect((await cli('discover', `${source}:1`)).out).toContain('└─ tag .att');
});

test('pull: lays down a folder that explains itself', async () => {
  const pulled = await json('pull', `${source}:1`, '-o', join(dir, 'out'));
  expect((pulled['files'] as unknown[]).length).toBe(
    (await readdir(join(dir, 'out'), { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
      .length,
  );
  expect(readJson(await readFile(join(dir, 'out', 'export.json'), 'utf8'))).toMatchObject({ tenant: 'default' });
});

test('tag: moves a tag, and refuses what is none', async () => {
  await cli('tag', `${source}:1`, 'latest');
  const { digest } = await json('tag', `${source}:1`, 'latest', 'v1');
  expect(
    ((await json('ls', source, '--long'))['tags'] as { tag: string; digest: string }[]).filter(
      (row) => row.digest === digest,
    ),
  ).toHaveLength(3);
  expect((await cli('tag', `${source}:1`, '-bad')).status).toBe(2);
  expect((await cli('tag', `${source}:1`, 'no/slash')).status).toBe(2);
});

test('delete: asks for a digest, then takes the manifest with all its tags', async () => {
  await cli('tag', `${source}:1`, 'second');
  const { digest } = await json('tag', `${source}:1`, 'third');
  const refused = await cli('delete', `${source}:1`);
  expect(refused.status).toBe(2);
  expect(refused.err).toContain(`@${digest}`);
  expect(await json('delete', `${source}@${digest}`)).toEqual({ deleted: digest });
  const left = ((await json('ls', source))['tags'] as { tag: string }[]).map(({ tag }) => tag);
  expect(left.filter((tag) => ['1', 'second', 'third'].includes(tag))).toEqual([]);
});
