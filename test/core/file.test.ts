import { mkdir, open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { fileError, readPart, syncIfSupported, writeFileDurable } from '#core';
import { makeTempDir } from '../fixtures/temp-dir.ts';

let dir: string;
beforeEach(async () => {
  dir = await makeTempDir();
});

test('writeFileDurable: makes folders, replaces the file, leaves nothing else', async () => {
  const path = join(dir, 'a', 'b', 'file');
  await writeFileDurable(path, 'one');
  await writeFileDurable(path, 'two', { mode: 0o600 });
  expect(await readFile(path, 'utf8')).toBe('two');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(join(dir, 'a', 'b'))).toEqual(['file']);
});

test('writeFileDurable: the mode does not depend on the umask', async () => {
  const before = process.umask(0o077);
  try {
    await writeFileDurable(join(dir, 'file'), 'x');
  } finally {
    process.umask(before);
  }
  expect((await stat(join(dir, 'file'))).mode & 0o777).toBe(0o644);
});

test('writeFileDurable: a target that is a folder is an error that names it, and no temporary file stays', async () => {
  await mkdir(join(dir, 'taken', 'inside'), { recursive: true });
  await expect(writeFileDurable(join(dir, 'taken'), 'x')).rejects.toMatchObject({
    code: 'ERR_EXPORT_IO',
    message: expect.stringContaining('taken'),
  });
  expect(await readdir(dir)).toEqual(['taken']);
});

test('writeFileDurable: a part of the path that is a file is an error', async () => {
  await writeFile(join(dir, 'file'), 'x');
  await expect(writeFileDurable(join(dir, 'file', 'below'), 'x')).rejects.toMatchObject({ code: 'ERR_EXPORT_IO' });
});

test.each([
  ['ENOSPC', 'ERR_EXPORT_DISK_FULL'],
  ['EDQUOT', 'ERR_EXPORT_DISK_FULL'],
  ['EACCES', 'ERR_EXPORT_NOT_WRITABLE'],
  ['EROFS', 'ERR_EXPORT_NOT_WRITABLE'],
  ['ENOENT', 'ERR_EXPORT_NOT_FOUND'],
  ['EIO', 'ERR_EXPORT_IO'],
])('fileError: %s becomes %s, names the path and says what to do', (system, code) => {
  const error = fileError(Object.assign(new Error('x'), { code: system }), '/some/file');
  expect(error).toMatchObject({ code, message: expect.stringContaining('/some/file'), hint: expect.any(String) });
});

test.each(['ENOTSUP', 'ENOSYS', 'ENOTTY', 'EINVAL'])(
  'syncIfSupported: %s says that there is no fsync',
  async (code) => {
    await syncIfSupported(Promise.reject(Object.assign(new Error('x'), { code })));
  },
);

test('syncIfSupported: a device without fsync is no failure, what the disk says is', async () => {
  await using device = await open('/dev/null', 'r+');
  await expect(device.sync()).rejects.toMatchObject({ code: 'EINVAL' });
  await syncIfSupported(device.sync());
  const failure = Object.assign(new Error('x'), { code: 'EIO' });
  await expect(syncIfSupported(Promise.reject(failure))).rejects.toBe(failure);
  await syncIfSupported(Promise.reject(failure), 'EIO');
});

test('readPart: reads that end early are gone on with; the end of the file is the end', async () => {
  await writeFile(join(dir, 'file'), '0123456789');
  await using file = await open(join(dir, 'file'));
  const { read } = file;
  // One byte at a time, as a file system may answer.
  file.read = ((bytes: Buffer, offset: number, _: number, position: number) =>
    Reflect.apply(read, file, [bytes, offset, 1, position])) as typeof file.read;
  expect((await readPart(file, 4, 0)).toString()).toBe('0123');
  expect((await readPart(file, 4, 8)).toString()).toBe('89');
  expect((await readPart(file, 4, 10)).toString()).toBe('');
});
