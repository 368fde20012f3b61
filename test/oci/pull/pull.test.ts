import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { annotationKeys, type Descriptor, digestOf, hexOf } from '#core';
import { type ByteRange, contentOf, type Repository } from '#oci/image';
import { openLayout } from '#oci/layout';
import { pullFiles } from '#oci/transfer';
import { makeTempDir } from '../../fixtures/temp-dir.ts';

let dir: string;
let repository: Repository;
beforeEach(async () => {
  dir = await makeTempDir();
  repository = await openLayout(join(dir, 'layout'), { create: true, durable: false });
});
afterEach(async () => {
  await repository.close();
});

async function layer(title: string | undefined, content: string): Promise<Descriptor> {
  const bytes = Buffer.from(content);
  const descriptor = { mediaType: 'text/plain', digest: digestOf(bytes), size: bytes.byteLength };
  await repository.push(descriptor, contentOf(bytes));
  return title === undefined ? descriptor : { ...descriptor, annotations: { [annotationKeys.title]: title } };
}

test('pullFiles: writes titled layers with their folders, leaves untitled ones, and nothing else', async () => {
  const layers = [await layer('a/b/c.txt', 'deep'), await layer('top.txt', 'top'), await layer(undefined, 'no title')];
  const out = join(dir, 'out');
  const files = await pullFiles(repository, layers, out);
  expect(files.map(({ path, state }) => [path, state])).toEqual([
    ['a/b/c.txt', 'fetched'],
    ['top.txt', 'fetched'],
  ]);
  expect(await readFile(join(out, 'a/b/c.txt'), 'utf8')).toBe('deep');
  expect((await readdir(out, { recursive: true })).sort()).toEqual(['a', 'a/b', 'a/b/c.txt', 'top.txt']);
});

test('pullFiles: a file that is right is left alone, one that is not is replaced', async () => {
  const layers = [await layer('same.txt', 'same'), await layer('other.txt', 'right')];
  await writeFile(join(dir, 'same.txt'), 'same');
  await writeFile(join(dir, 'other.txt'), 'wrong');
  const files = await pullFiles(repository, layers, dir);
  expect(files.map(({ state }) => state)).toEqual(['present', 'fetched']);
  expect(await readFile(join(dir, 'other.txt'), 'utf8')).toBe('right');
});

test('pullFiles: goes on where a killed pull stopped, and fetches only what lacks', async () => {
  const wanted = await layer('big.txt', '0123456789');
  await writeFile(join(dir, `.${hexOf(wanted.digest)}.partial`), '0123456');
  const ranges: (ByteRange | undefined)[] = [];
  const watched: Repository = Object.create(repository, {
    fetch: {
      value: (descriptor: Descriptor, options?: { range?: ByteRange }) => {
        ranges.push(options?.range);
        return repository.fetch(descriptor, options);
      },
    },
  });
  const same = await layer('same.txt', 'same');
  await writeFile(join(dir, 'same.txt'), 'same');
  const bytes = { fetched: 0, found: 0 };
  const files = await pullFiles(watched, [wanted, same], dir, {
    onBytes: (sizeBytes) => {
      bytes.fetched += sizeBytes;
    },
    onFound: (sizeBytes) => {
      bytes.found += sizeBytes;
    },
  });
  expect(files[0]?.state).toBe('resumed');
  expect(bytes).toEqual({ fetched: 3, found: 7 + 4 });
  expect(ranges).toEqual([{ start: 7, end: 9 }]);
  expect(await readFile(join(dir, 'big.txt'), 'utf8')).toBe('0123456789');
});

const UNSAFE = ['../x', '/x', 'a/../../x', 'a//b', './x', 'a\\..\\x', 'C:/x', '', 'a/'];
const MISLEADING = ['x\0y', 'x\ny', 'a\tb/c', '\x1b[2Jx', 'x\x7f', 'x\x9by', 'x\ud800'];
const PARTIAL = `.${'0'.repeat(64)}.partial`;

test.each([...UNSAFE, ...MISLEADING, PARTIAL, `a/${PARTIAL}`, 'n'.repeat(256), `a/${'é'.repeat(128)}/b`])(
  'pullFiles: refuses the title %j before anything is written',
  async (title) => {
    const layers = [await layer('fine.txt', 'fine'), await layer(title, 'evil')];
    const out = join(dir, 'out');
    await expect(pullFiles(repository, layers, out)).rejects.toMatchObject({ code: 'ERR_EXPORT_MANIFEST_INVALID' });
    expect(await readdir(dir)).toEqual(['layout']);
  },
);

test.each([
  ['one title twice', 'f', 'f'],
  ['a file below a file', 'a', 'a/b'],
  ['a file deep below a file', 'a', 'a/b/c'],
  ['a file above a file', 'a/b/c', 'a/b'],
])('pullFiles: refuses %s before anything is written', async (_, one, other) => {
  const layers = [await layer('fine.txt', 'fine'), await layer(one, 'one'), await layer(other, 'other')];
  await expect(pullFiles(repository, layers, join(dir, 'out'))).rejects.toMatchObject({
    code: 'ERR_EXPORT_MANIFEST_INVALID',
    message: expect.stringContaining(`${layers.at(one.length > other.length ? 1 : 2)?.digest}: its title`),
  });
  expect(await readdir(dir)).toEqual(['layout']);
});

test('pullFiles: takes one content twice under one title, names that only begin alike, and the longest', async () => {
  const same = await layer('a', 'same');
  const longest = 'é'.repeat(127);
  const layers = [same, same, await layer('a.b', 'other'), await layer('ab/c', 'third'), await layer(longest, 'long')];
  const files = await pullFiles(repository, layers, join(dir, 'out'));
  expect(files.map(({ state }) => state)).toEqual(['fetched', 'present', 'fetched', 'fetched', 'fetched']);
  expect(await readFile(join(dir, 'out', 'a'), 'utf8')).toBe('same');
  expect(await readFile(join(dir, 'out', longest), 'utf8')).toBe('long');
});

test('pullFiles: follows no link out of the folder', async () => {
  const out = join(dir, 'out');
  await mkdir(out);
  await mkdir(join(dir, 'elsewhere'));
  await symlink(join(dir, 'elsewhere'), join(out, 'a'));
  await expect(pullFiles(repository, [await layer('a/x.txt', 'x')], out)).rejects.toMatchObject({
    code: 'ERR_EXPORT_IO',
    message: expect.stringContaining('link'),
  });
  expect(await readdir(join(dir, 'elsewhere'))).toEqual([]);
});
