import { link, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { annotationKeys, type Descriptor, digestOf } from '#core';
import { contentOf, type Repository } from '#oci/image';
import { openLayout } from '#oci/layout';
import { pullFiles } from '#oci/transfer';
import { makeTempDir } from '../../fixtures/temp-dir.ts';

const CONTENT = '0123456789';

let dir: string;
let out: string;
let victim: string;
let repository: Repository;
let wanted: Descriptor;
beforeEach(async () => {
  dir = await makeTempDir();
  out = join(dir, 'out');
  victim = join(dir, 'victim');
  await mkdir(victim);
  repository = await openLayout(join(dir, 'layout'), { create: true, durable: false });
  const bytes = Buffer.from(CONTENT);
  const descriptor = { mediaType: 'text/plain', digest: digestOf(bytes), size: bytes.byteLength };
  await repository.push(descriptor, contentOf(bytes));
  wanted = { ...descriptor, annotations: { [annotationKeys.title]: 'a/f.bin' } };
});
afterEach(async () => {
  await repository.close();
});

/** The repository, and somebody who does something in the output folder once half of the layer has come. */
function whileFetching(deed: () => Promise<void>): Repository {
  const fetch = async function* () {
    yield Buffer.from(CONTENT.slice(0, 5));
    await deed();
    yield Buffer.from(CONTENT.slice(5));
  };
  return Object.create(repository, { fetch: { value: async () => fetch() } });
}

const isLinux = process.platform === 'linux';

test.runIf(isLinux)('a folder that becomes a link during the pull leads nothing elsewhere, and is told', async () => {
  const swapped = whileFetching(async () => {
    await rename(join(out, 'a'), join(dir, 'aside'));
    await symlink(victim, join(out, 'a'));
  });
  await expect(pullFiles(swapped, [wanted], out)).rejects.toMatchObject({
    code: 'ERR_EXPORT_IO',
    message: expect.stringContaining('moved or replaced'),
  });
  expect(await readdir(victim)).toEqual([]);
});

test.runIf(isLinux)('the output folder that becomes a link during the pull leads nothing elsewhere', async () => {
  const swapped = whileFetching(async () => {
    await rename(out, join(dir, 'aside'));
    await symlink(victim, out);
  });
  await pullFiles(swapped, [wanted], out).catch(() => undefined);
  expect(await readdir(victim)).toEqual([]);
});

test('another file in the place of the one under way never gets its name', async () => {
  const swapped = whileFetching(async () => {
    const [name = ''] = await readdir(join(out, 'a'));
    await rm(join(out, 'a', name));
    await writeFile(join(out, 'a', name), 'evil');
  });
  await expect(pullFiles(swapped, [wanted], out)).rejects.toMatchObject({
    code: 'ERR_EXPORT_IO',
    message: expect.stringContaining('replaced'),
  });
});

test('a link in the place of the one under way is not followed', async () => {
  await writeFile(join(victim, 'f'), 'theirs');
  const swapped = whileFetching(async () => {
    const [name = ''] = await readdir(join(out, 'a'));
    await rm(join(out, 'a', name));
    await symlink(join(victim, 'f'), join(out, 'a', name));
  });
  await expect(pullFiles(swapped, [wanted], out)).rejects.toMatchObject({ code: 'ERR_EXPORT_IO' });
  expect(await readFile(join(victim, 'f'), 'utf8')).toBe('theirs');
});

test.each([
  ['symbolic', symlink],
  ['hard', link],
])('a %s link to equal content is replaced, and what it leads to is not touched', async (_, makeLink) => {
  await writeFile(join(victim, 'f'), CONTENT);
  await mkdir(join(out, 'a'), { recursive: true });
  await makeLink(join(victim, 'f'), join(out, 'a/f.bin'));
  const before = await stat(join(victim, 'f'));
  expect((await pullFiles(repository, [wanted], out))[0]?.state).toBe('fetched');
  await writeFile(join(victim, 'f'), 'changed');
  expect(await readFile(join(out, 'a/f.bin'), 'utf8')).toBe(CONTENT);
  expect((await stat(join(victim, 'f'))).ino).toBe(before.ino);
});

test.each([
  ['a link to a folder', async (path: string) => symlink(victim, path)],
  ['a link to nothing', async (path: string) => symlink(join(dir, 'nothing'), path)],
])('%s in the place of a file is replaced', async (_, make) => {
  await mkdir(join(out, 'a'), { recursive: true });
  await make(join(out, 'a/f.bin'));
  expect((await pullFiles(repository, [wanted], out))[0]?.state).toBe('fetched');
  expect((await stat(join(out, 'a/f.bin'))).nlink).toBe(1);
  expect(await readFile(join(out, 'a/f.bin'), 'utf8')).toBe(CONTENT);
});

test('a file of equal content that stays there is left alone', async () => {
  await pullFiles(repository, [wanted], out);
  const before = await stat(join(out, 'a/f.bin'));
  expect((await pullFiles(repository, [wanted], out))[0]?.state).toBe('present');
  expect((await stat(join(out, 'a/f.bin'))).ino).toBe(before.ino);
});

test('the output folder itself may be a link: the user named it', async () => {
  await symlink(victim, out);
  await pullFiles(repository, [wanted], out);
  expect(await readFile(join(victim, 'a/f.bin'), 'utf8')).toBe(CONTENT);
});
