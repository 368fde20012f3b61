import { mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { FolderGuard, isCoded } from '#core';
import { makeTempDir } from '../fixtures/temp-dir.ts';

let base: string;
let root: string;
let guard: FolderGuard;

beforeEach(async () => {
  base = await makeTempDir();
  root = join(base, 'root');
  await mkdir(join(root, 'a/b'), { recursive: true });
  await mkdir(join(base, 'victim/b'), { recursive: true });
  guard = new FolderGuard(root);
});

const write = (path: string) => guard.at(join(root, path), (own) => writeFile(own, 'x'));

test('writes into the root and into folders below it', async () => {
  await write('one');
  await write('a/b/two');
  await guard.makeFolder(join(root, 'c/d/e'));
  await write('c/d/e/three');
  await guard.rename(join(root, 'one'), join(root, 'c/one'));
  expect((await readdir(root, { recursive: true })).sort()).toEqual(
    ['a', 'a/b', 'a/b/two', 'c', 'c/d', 'c/d/e', 'c/d/e/three', 'c/one'].sort(),
  );
});

test('the root may be a link', async () => {
  await symlink(root, join(base, 'alias'));
  const aliased = new FolderGuard(join(base, 'alias'));
  await aliased.at(join(base, 'alias/a/x'), (own) => writeFile(own, 'x'));
  expect(await readdir(join(root, 'a'))).toEqual(['b', 'x']);
});

test('the root may be made, moved and made again', async () => {
  const later = new FolderGuard(join(base, 'later'));
  for (let i = 0; i < 2; i++) {
    await later.makeFolder(join(base, 'later/sub'));
    await later.at(join(base, 'later/sub/x'), (own) => writeFile(own, String(i)));
    await rename(join(base, 'later'), join(base, `moved-${i}`));
  }
  expect(await readdir(base, { recursive: true })).toContain(join('moved-1', 'sub', 'x'));
});

test.each([
  ['a', 'a/x'],
  ['a', 'a/b/x'],
  ['a/b', 'a/b/x'],
])('a link at %s: %s is refused', async (link, path) => {
  await rm(join(root, link), { recursive: true });
  await symlink(join(base, 'victim'), join(root, link));
  await mkdir(join(base, 'victim/b'), { recursive: true });
  await expect(write(path)).rejects.toThrow(expect.objectContaining({ code: 'ERR_EXPORT_NOT_WRITABLE' }));
  const folder = guard.makeFolder(join(root, link, 'made/deep'));
  await expect(folder).rejects.toThrow(expect.objectContaining({ code: 'ERR_EXPORT_NOT_WRITABLE' }));
  expect(await readdir(join(base, 'victim'), { recursive: true })).toEqual(['b']);
});

test('a link that leads nowhere, back to the root or to a sibling is refused as well', async () => {
  for (const target of [join(base, 'nowhere'), root, join(root, 'a'), '.', '..', 'a']) {
    await symlink(target, join(root, 'link'));
    const error = await write('link/x').then(
      () => undefined,
      (cause: unknown) => cause,
    );
    expect(isCoded(error, 'ERR_EXPORT_NOT_WRITABLE'), target).toBe(true);
    await rm(join(root, 'link'));
  }
});

test('a folder that is replaced by a link meanwhile: the work goes on in the folder that was checked', async () => {
  await guard.within(join(root, 'a/b'), async (own) => {
    await rename(join(root, 'a'), join(base, 'aside'));
    await symlink(join(base, 'victim'), join(root, 'a'));
    await writeFile(join(own, 'x'), 'x');
    await writeFile(join(own, 'y'), 'y');
    await rm(join(own, 'y'));
  });
  expect(await readdir(join(base, 'victim/b'))).toEqual([]);
  expect(await readdir(join(base, 'aside/b'))).toEqual(['x']);
});

test('what is outside the root is a mistake of the caller', async () => {
  await expect(guard.within(join(base, 'victim'), async () => undefined)).rejects.toThrow(TypeError);
});
