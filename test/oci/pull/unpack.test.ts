import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { annotationKeys, type Descriptor, digestOf } from '#core';
import { contentOf, type Repository } from '#oci/image';
import { openLayout } from '#oci/layout';
import { pullFiles } from '#oci/transfer';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { type Packed, pushFolder, pushPacked, tarOf } from './packing.ts';

let dir: string;
let out: string;
let repository: Repository;
beforeEach(async () => {
  dir = await makeTempDir();
  out = join(dir, 'out');
  repository = await openLayout(join(dir, 'layout'), { create: true, durable: false });
});
afterEach(async () => {
  await repository.close();
});

const CFG: readonly Packed[] = [
  { name: 'cfg', type: 'directory', mode: 0o755 },
  { name: 'cfg/a.txt', content: 'a' },
  { name: 'cfg/bin', type: 'directory' },
  { name: 'cfg/bin/run.sh', content: 'run', mode: 0o4755 },
  { name: 'cfg/empty', type: 'directory' },
  { name: 'cfg/none', content: '' },
];
const CFG_TREE = ['cfg', 'cfg/a.txt', 'cfg/bin', 'cfg/bin/run.sh', 'cfg/empty', 'cfg/none'];

const tree = async () => (await readdir(out, { recursive: true })).sort();

async function file(title: string, content: string): Promise<Descriptor> {
  const bytes = Buffer.from(content);
  const descriptor = { mediaType: 'text/plain', digest: digestOf(bytes), size: bytes.byteLength };
  await repository.push(descriptor, contentOf(bytes));
  return { ...descriptor, annotations: { [annotationKeys.title]: title } };
}

test('a packed folder is unpacked: files, empty folders, and who may run what', async () => {
  const files = await pullFiles(repository, [await pushFolder(repository, 'cfg', CFG)], out);
  expect(files.map(({ path, state, files: count }) => [path, state, count])).toEqual([['cfg', 'unpacked', 3]]);
  expect(await tree()).toEqual(CFG_TREE);
  expect(await readFile(join(out, 'cfg/a.txt'), 'utf8')).toBe('a');
  expect((await stat(join(out, 'cfg/bin/run.sh'))).mode & 0o7111).toBe(0o111);
  expect((await stat(join(out, 'cfg/a.txt'))).mode & 0o7111).toBe(0);
});

test('what is there already is left alone, and what is not as packed is replaced', async () => {
  const layer = await pushFolder(repository, 'cfg', CFG);
  await pullFiles(repository, [layer], out);
  const before = await stat(join(out, 'cfg/a.txt'));
  await writeFile(join(out, 'cfg/bin/run.sh'), 'other');
  await pullFiles(repository, [layer], out);
  expect((await stat(join(out, 'cfg/a.txt'))).ino).toBe(before.ino);
  expect(await readFile(join(out, 'cfg/bin/run.sh'), 'utf8')).toBe('run');
  expect((await stat(join(out, 'cfg/bin/run.sh'))).mode & 0o111).toBe(0o111);
});

test('noUnpack keeps the packed file', async () => {
  const layer = await pushFolder(repository, 'cfg', CFG);
  const files = await pullFiles(repository, [layer], out, { noUnpack: true });
  expect(files[0]?.state).toBe('fetched');
  expect(digestOf(await readFile(join(out, 'cfg')))).toBe(layer.digest);
});

test.each(['true ', 'True', '1', 'false', ''])('unpack=%j is not the mark of a packed folder', async (mark) => {
  await pullFiles(repository, [await pushFolder(repository, 'cfg', CFG, { [annotationKeys.orasUnpack]: mark })], out);
  expect((await stat(join(out, 'cfg'))).isFile()).toBe(true);
});

test('a folder may be packed as the folder itself, deep, with zstd or not at all', async () => {
  const tar = await tarOf([{ name: 'x/y/f', content: 'deep' }]);
  const layers = [
    await pushFolder(repository, '.', [
      { name: '.', type: 'directory' },
      { name: 'top', content: 'top' },
    ]),
    await pushPacked(repository, 'x/y', tar),
    await pushPacked(repository, 'z', zstdCompressSync(await tarOf([{ name: 'z/f', content: 'zstd' }]))),
  ];
  await pullFiles(repository, layers, out);
  expect(await tree()).toEqual(['top', 'x', 'x/y', 'x/y/f', 'z', 'z/f']);
});

test('a file below a packed folder lies beside what was packed, and the same content may come twice', async () => {
  const layers = [await pushFolder(repository, 'cfg', CFG), await file('cfg/a.txt', 'a'), await file('cfg/more', 'm')];
  for (const order of [layers, layers.toReversed()]) {
    await pullFiles(repository, order, out);
    expect(await tree()).toEqual([...CFG_TREE.slice(0, 5), 'cfg/more', 'cfg/none'].sort());
    await rm(out, { recursive: true });
  }
});

test.each<[string, readonly Packed[], string]>([
  ['a symbolic link', [{ name: 'cfg/l', type: 'symlink', linkname: 'a.txt' }], 'ARCHIVE_UNSAFE'],
  [
    'a link out of it',
    [
      { name: 'cfg/l', type: 'symlink', linkname: '/etc' },
      { name: 'cfg/l/x', content: 'x' },
    ],
    'ARCHIVE_UNSAFE',
  ],
  ['a hard link', [{ name: 'cfg/l', type: 'link', linkname: 'cfg/a.txt' }], 'ARCHIVE_UNSAFE'],
  ['a character device', [{ name: 'cfg/d', type: 'character-device' }], 'ARCHIVE_UNSAFE'],
  ['a block device', [{ name: 'cfg/d', type: 'block-device' }], 'ARCHIVE_UNSAFE'],
  ['a named pipe', [{ name: 'cfg/p', type: 'fifo' }], 'ARCHIVE_UNSAFE'],
  ['a path that climbs', [{ name: 'cfg/../../x', content: 'x' }], 'ARCHIVE_UNSAFE'],
  ['an absolute path', [{ name: '/tmp/x', content: 'x' }], 'ARCHIVE_UNSAFE'],
  ['a file beside the folder', [{ name: 'other', content: 'x' }], 'ARCHIVE_UNSAFE'],
  ['a file that only begins like it', [{ name: 'cfgx', content: 'x' }], 'ARCHIVE_UNSAFE'],
  ['one file twice', [{ name: 'cfg/a.txt', content: 'b' }], 'ARCHIVE_UNSAFE'],
  ['a file below a file', [{ name: 'cfg/a.txt/b', content: 'b' }], 'MANIFEST_INVALID'],
  ['a file in place of the folder', [{ name: 'cfg/bin', content: 'b' }], 'ARCHIVE_UNSAFE'],
  ['the name of a file under way', [{ name: `cfg/.${'0'.repeat(64)}.partial`, content: 'b' }], 'MANIFEST_INVALID'],
  ['a control character', [{ name: 'cfg/\x1b[2J', content: 'b' }], 'MANIFEST_INVALID'],
  ['a device name', [{ name: 'cfg/nul.txt', content: 'b' }], 'MANIFEST_INVALID'],
  ['two names in two cases', [{ name: 'cfg/A.txt', content: 'b' }], 'MANIFEST_INVALID'],
])('refuses %s before anything is written, and leaves nothing', async (_, entries, code) => {
  const layer = await pushFolder(repository, 'cfg', [...CFG, ...entries]);
  await expect(pullFiles(repository, [layer], out)).rejects.toMatchObject({
    code: `ERR_EXPORT_${code}`,
    message: expect.stringContaining(layer.digest),
    hint: expect.stringMatching(code === 'ARCHIVE_UNSAFE' ? /--no-unpack/ : /./),
  });
  expect(await tree()).toEqual([]);
});

test('allowUnportableNames takes such names in a packed folder too', async () => {
  const layer = await pushFolder(repository, 'cfg', [...CFG, { name: 'cfg/A.txt', content: 'b' }]);
  await pullFiles(repository, [layer], out, { allowUnportableNames: true });
  expect(await readFile(join(out, 'cfg/A.txt'), 'utf8')).toBe('b');
});

test.each([
  ['another digest', digestOf(Buffer.from('other'))],
  ['no digest', 'latest'],
])('refuses a tar that is announced with %s', async (_, digest) => {
  const layer = await pushFolder(repository, 'cfg', CFG, { [annotationKeys.orasContentDigest]: digest });
  await expect(pullFiles(repository, [layer], out)).rejects.toMatchObject({
    code: 'ERR_EXPORT_DIGEST_MISMATCH',
    hint: expect.stringContaining('--no-unpack'),
  });
  expect(await tree()).toEqual([]);
});

test('takes a tar that is announced by its SHA-512, or without digest', async () => {
  const tar = await tarOf(CFG);
  for (const digest of [{ [annotationKeys.orasContentDigest]: digestOf(tar, 'sha512') }, {}]) {
    await pullFiles(repository, [await pushPacked(repository, 'cfg', gzipSync(tar), digest)], out);
    expect(await tree()).toEqual(CFG_TREE);
  }
});

test.each([
  ['a file of something else', gzipSync('text')],
  ['a tar that is cut short', gzipSync(Buffer.alloc(700, 'x'))],
  ['nothing', Buffer.alloc(0)],
  ['bytes after the end', Buffer.concat([gzipSync(Buffer.alloc(1024)), Buffer.from('x')])],
])('refuses %s', async (_, bytes) => {
  await expect(pullFiles(repository, [await pushPacked(repository, 'cfg', bytes)], out)).rejects.toMatchObject({
    code: 'ERR_EXPORT_ARCHIVE_INVALID',
  });
  expect(await tree()).toEqual([]);
});

test('refuses what unpacks to hundreds of times its size', async () => {
  const bomb = await pushFolder(repository, 'cfg', [{ name: 'cfg/zeros', content: '\0'.repeat(64 * 1024 * 1024) }]);
  await expect(pullFiles(repository, [bomb], out)).rejects.toMatchObject({ code: 'ERR_EXPORT_ARCHIVE_LIMIT' });
  expect(await tree()).toEqual([]);
});

test('a run that was stopped while it unpacked goes on without fetching', async () => {
  const layer = await pushFolder(repository, 'cfg', CFG);
  await mkdir(join(out, 'cfg/bin/run.sh'), { recursive: true });
  await expect(pullFiles(repository, [layer], out)).rejects.toMatchObject({ code: 'ERR_EXPORT_IO' });
  await rm(join(out, 'cfg/bin/run.sh'), { recursive: true });
  const silent: Repository = Object.create(repository, { fetch: { value: () => Promise.reject(new Error('asked')) } });
  await pullFiles(silent, [layer], out);
  expect(await tree()).toEqual(CFG_TREE);
});

test('follows no link in the place of the folder or of a folder in it, and replaces one in the place of a file', async () => {
  const layer = await pushFolder(repository, 'cfg', CFG);
  const victim = join(dir, 'victim');
  await mkdir(victim);
  await writeFile(join(victim, 'f'), 'a');
  await mkdir(join(out, 'cfg'), { recursive: true });
  await symlink(victim, join(out, 'cfg/bin'));
  await symlink(join(victim, 'f'), join(out, 'cfg/a.txt'));
  await expect(pullFiles(repository, [layer], out)).rejects.toMatchObject({ code: 'ERR_EXPORT_IO' });
  await rm(join(out, 'cfg/bin'));
  await pullFiles(repository, [layer], out);
  expect((await stat(join(out, 'cfg/a.txt'))).nlink).toBe(1);
  expect(await tree()).toEqual(CFG_TREE);
  expect(await readdir(victim)).toEqual(['f']);
  expect(await readFile(join(victim, 'f'), 'utf8')).toBe('a');
});
