import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { encodeGzip, encodeTar } from '#archive';
import { unpackDatabase } from '#artifacts';
import { digestOf } from '#core';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { json, writeTree } from '../trivy-merge/fixture.ts';

async function packed(folder: string, files: Readonly<Record<string, Uint8Array>>): Promise<string> {
  const entries = Object.entries(files).map(([path, content]) => ({ path, size: content.byteLength, content }));
  const path = join(folder, 'db.tar.gz');
  await writeFile(path, Buffer.concat(await Array.fromAsync(encodeGzip(encodeTar(entries, { mtime: 1 })))));
  return path;
}

async function database(folder: string): Promise<Buffer> {
  return readFile(await writeTree(join(folder, 'a.db'), { vulnerability: { 'CVE-1': json({ Title: 't' }) } }));
}

test('unpackDatabase takes trivy.db and dates out of a layer, and hashes both', async () => {
  const folder = await makeTempDir();
  const db = await database(folder);
  const metadata = Buffer.from(
    '{"Version":2,"NextUpdate":"2026-01-02T00:00:00Z","UpdatedAt":"2026-01-01T00:00:00.5Z"}\n',
  );
  const path = await packed(folder, { 'metadata.json': metadata, 'trivy.db': db });
  const unpacked = await unpackDatabase(path, folder);
  expect(unpacked).toMatchObject({
    digest: digestOf(db),
    sizeBytes: db.byteLength,
    fileDigest: digestOf(await readFile(path)),
    metadata: { version: 2, updatedAt: '2026-01-01T00:00:00.5Z', nextUpdate: '2026-01-02T00:00:00Z' },
  });
  expect((await readFile(unpacked.path)).equals(db)).toBe(true);
});

test('unpackDatabase reads a trivy.db where it is', async () => {
  const folder = await makeTempDir();
  const db = await database(folder);
  const path = join(folder, 'a.db');
  expect(await unpackDatabase(path, folder)).toEqual({
    path,
    digest: digestOf(db),
    fileDigest: digestOf(db),
    sizeBytes: db.byteLength,
  });
});

test.each<[string, Readonly<Record<string, Uint8Array>>, string]>([
  ['without a database', { 'metadata.json': Buffer.from('{}') }, 'ERR_EXPORT_CONTENT_MISMATCH'],
  [
    'with a metadata.json of megabytes',
    { 'metadata.json': Buffer.alloc(2_000_000), 'trivy.db': Buffer.alloc(9000) },
    'ERR_EXPORT_RECORD_TOO_LARGE',
  ],
])('unpackDatabase refuses an archive %s', async (_, files, code) => {
  const folder = await makeTempDir();
  await expect(unpackDatabase(await packed(folder, files), folder)).rejects.toMatchObject({ code });
});

test('unpackDatabase refuses a cut archive and a missing file', async () => {
  const folder = await makeTempDir();
  const path = await packed(folder, { 'trivy.db': await database(folder) });
  const bytes = await readFile(path);
  await writeFile(path, bytes.subarray(0, bytes.byteLength - 20));
  await expect(unpackDatabase(path, folder)).rejects.toMatchObject({ code: 'ERR_EXPORT_ARCHIVE_INVALID' });
  await expect(unpackDatabase(join(folder, 'none'), folder)).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });
});

test('unpackDatabase refuses a file of more than 16 GiB before it reads it', async () => {
  const path = join(await makeTempDir(), 'a.db');
  await writeFile(path, '');
  await truncate(path, 16 * 1024 ** 3 + 1);
  await expect(unpackDatabase(path, '/nowhere')).rejects.toMatchObject({ code: 'ERR_EXPORT_TOO_LARGE' });
});
