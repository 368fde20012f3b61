import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { annotationKeys, type Descriptor, digestOf, hexOf } from '#core';
import { type ByteRange, contentOf, openLayout, pullFiles, type Repository } from '#oci';

let dir: string;
let repository: Repository;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pull-'));
  repository = await openLayout(join(dir, 'layout'), { create: true, durable: false });
});
afterEach(async () => {
  await repository.close();
  await rm(dir, { recursive: true, force: true });
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

test.each(['../x', '/x', 'a/../../x', 'a//b', './x', 'a\\..\\x', 'C:/x', '', 'a/', 'x\0y'])(
  'pullFiles: refuses the title %j before anything is written',
  async (title) => {
    const layers = [await layer('fine.txt', 'fine'), await layer(title, 'evil')];
    const out = join(dir, 'out');
    await expect(pullFiles(repository, layers, out)).rejects.toMatchObject({ code: 'ERR_EXPORT_MANIFEST_INVALID' });
    expect(await readdir(dir)).toEqual(['layout']);
  },
);

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
