import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { digestOf, hexOf } from '#core';
import { forgeTar } from '../archive/tar-forge.ts';
import { forgeZip } from '../archive/zip-forge.ts';
import { type BuiltFile, buildAll } from '../artifacts/json/building.ts';
import { advisory, vexDocument } from '../fixtures/records.ts';
import { EvidenceFixture } from './fixture.ts';

const COUNT = 400;

/** The files of a `json:raw` bundle with several shards of both classes, as a pull lays them down. */
async function makeBundle(fixture: EvidenceFixture): Promise<{ folder: string; shards: BuiltFile[] }> {
  const advisories = Array.from({ length: COUNT }, (_, n) =>
    advisory(`A-${n}`, { details: `text ${n} `.repeat(n % 97) }),
  );
  const documents = Array.from({ length: 60 }, (_, n) => vexDocument(`https://example.com/vex/${n}`));
  const lines = [...advisories, ...documents].map((record) => JSON.stringify(record));
  const shards = await shardsOf(fixture, await fixture.file('all.jsonl', lines.join('\n')));
  const manifest = Buffer.from('{"schema":"an export.json"}\n');
  const listed = [
    ...shards.map(({ path, digest }) => `${hexOf(digest)}  ${path}`),
    `${hexOf(digestOf(manifest))}  export.json`,
  ];
  const files = Object.fromEntries(shards.map(({ path, bytes }) => [path, bytes]));
  const folder = await fixture.folder({ ...files, 'export.json': manifest, 'checksums.txt': `${listed.join('\n')}\n` });
  return { folder, shards };
}

async function shardsOf(fixture: EvidenceFixture, source: string): Promise<BuiltFile[]> {
  const set = await fixture.collect([source]);
  try {
    return [...(await buildAll(set)).files];
  } finally {
    await set.close();
  }
}

test('a pulled bundle gives the files that it was built of, from its folder and packed', async () => {
  await using fixture = await EvidenceFixture.make();
  const { folder, shards } = await makeBundle(fixture);
  expect(shards.filter(({ path }) => path.endsWith('.jsonl.zst')).length).toBeGreaterThan(10);
  expect(await shardsOf(fixture, folder)).toEqual(shards);
  const entries = shards.map(({ path, bytes }) => ({ name: `bundle/${path}`, content: bytes }));
  expect(await shardsOf(fixture, await fixture.file('x.zip', forgeZip(entries)))).toEqual(shards);
  expect(await shardsOf(fixture, await fixture.file('x.tar', forgeTar(entries)))).toEqual(shards);
  const set = await fixture.collect([folder]);
  const names = set.ignored.map(({ name }) => name);
  expect(names.sort()).toEqual(
    [
      'checksums.txt',
      'export.json',
      'indexes/advisories.index.json',
      'indexes/vex.index.json',
      'redaction.json',
    ].sort(),
  );
  await set.close();
});

test('a shard alone is a source', async () => {
  await using fixture = await EvidenceFixture.make();
  const { folder, shards } = await makeBundle(fixture);
  const shard = shards.find(({ path }) => path.endsWith('.jsonl.zst')) as BuiltFile;
  const set = await fixture.collect([join(folder, shard.path)]);
  expect(set.kept).toBe(shard.records);
  await set.close();
});

test('a shard that is damaged, exchanged or missing is refused', async () => {
  await using fixture = await EvidenceFixture.make();
  const { folder, shards } = await makeBundle(fixture);
  const [one, other] = shards.filter(({ path }) => path.endsWith('.jsonl.zst')) as [BuiltFile, BuiltFile];
  const path = join(folder, one.path);
  const flipped = Buffer.from(one.bytes);
  flipped.writeUInt8(flipped.readUInt8(flipped.length >> 1) ^ 1, flipped.length >> 1);
  for (const bytes of [flipped, other.bytes, one.bytes.subarray(0, -1), Buffer.alloc(0)]) {
    await writeFile(path, bytes);
    await expect(fixture.collect([folder], { withholdInvalid: true })).rejects.toMatchObject({
      code: 'ERR_EXPORT_DIGEST_MISMATCH',
      message: expect.stringContaining(one.path),
    });
  }
  await rm(path);
  await expect(fixture.collect([folder])).rejects.toMatchObject({
    code: 'ERR_EXPORT_DIGEST_MISMATCH',
    message: expect.stringContaining('but missing'),
  });
});

test('a file that the bundle does not list is ignored and named: another pull may have left it', async () => {
  await using fixture = await EvidenceFixture.make();
  const { folder, shards } = await makeBundle(fixture);
  const stale = 'data/raw/advisories/aa.jsonl.zst';
  await mkdir(dirname(join(folder, stale)), { recursive: true });
  await writeFile(join(folder, stale), JSON.stringify(advisory('STALE')));
  expect(await shardsOf(fixture, folder)).toEqual(shards);
  const set = await fixture.collect([folder]);
  expect(set.ignored).toContainEqual({ source: folder, name: stale, reason: expect.stringContaining('not listed') });
  await set.close();
});

test('a damaged list of checksums is refused', async () => {
  await using fixture = await EvidenceFixture.make();
  const { folder } = await makeBundle(fixture);
  await appendFile(join(folder, 'checksums.txt'), 'zz\n');
  await expect(fixture.collect([folder])).rejects.toMatchObject({
    code: 'ERR_EXPORT_DIGEST_MISMATCH',
    message: expect.stringContaining('checksums.txt: line'),
  });
});

test('checksums of somebody else keep no file out', async () => {
  await using fixture = await EvidenceFixture.make();
  const folder = await fixture.folder({
    'a.json': advisory('A'),
    'checksums.txt': `${'0'.repeat(64)}  b.json\nMD5 (c) = d\n`,
  });
  const set = await fixture.collect([folder]);
  expect(set.kept).toBe(1);
  await set.close();
});
