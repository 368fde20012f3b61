import { readdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeGzip, encodeTar } from '#archive';
import { checkTrivyDb } from '#artifacts';
import type { Instant } from '#core';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { affected, buildOf } from './fixture.ts';

const MTIME = 1_787_356_800;

let workDir: string;
let metadata: Buffer;
let database: Buffer;
let layer: Buffer;
beforeEach(async () => {
  workDir = await makeTempDir();
  const built = await buildOf([
    {
      id: 'GO-1',
      details: 'x'.repeat(9000),
      affected: [affected('Go', 'm', [{ introduced: '0' }, { fixed: '1.0.0' }])],
    },
  ]);
  layer = built.layer;
  [metadata = Buffer.alloc(0), database = Buffer.alloc(0)] = built.members.map(({ bytes }) => bytes);
});
afterEach(async () => {
  expect(await readdir(workDir)).toEqual([]);
});

async function* stream(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += 1000) yield bytes.subarray(at, at + 1000);
}

/** A layer of these files. */
async function packed(files: Readonly<Record<string, Buffer>>): Promise<Buffer> {
  const entries = Object.entries(files).map(([path, content]) => ({ path, size: content.byteLength, content }));
  const chunks = encodeGzip(encodeTar(entries, { mtime: MTIME, anyOrder: true }));
  return Buffer.concat(await Array.fromAsync(chunks));
}

async function checked(bytes: Buffer, title = 'db.tar.gz', asOf = '2026-08-22T00:00:00Z'): Promise<void> {
  const check = checkTrivyDb({ asOf: asOf as Instant, validForSeconds: 86_400, workDir });
  await check.file(title, stream(bytes));
  await check.end();
}

describe('checkTrivyDb', () => {
  it('passes what was built', async () => {
    await checked(layer);
  });

  it.each<[string, () => Promise<Buffer> | Buffer, RegExp]>([
    ['a database with a page of another number', () => pack({ 3: 9 }), /page \d+ has the id/],
    ['a database without its last page', () => packDb(database.subarray(0, -4096)), /shorter than it says/],
    ['no database at all', () => packDb(Buffer.from('no database')), /too few/],
    [
      'a file too many',
      () => packed({ 'a.txt': metadata, 'metadata.json': metadata, 'trivy.db': database }),
      /it contains "a\.txt", expected metadata\.json/,
    ],
    [
      'the files in another order',
      () => packed({ 'trivy.db': database, 'metadata.json': metadata }),
      /it contains "trivy\.db"/,
    ],
    ['metadata alone', () => packed({ 'metadata.json': metadata }), /it lacks trivy\.db/],
    ['one file that is named like both', () => packed({ 'metadata.json,trivy.db': metadata }), /it contains "metadata/],
    [
      'one file that is named like both, without content',
      () => packed({ 'metadata.json,trivy.db': Buffer.alloc(0) }),
      /it contains/,
    ],
    [
      'a third file',
      () => packed({ 'metadata.json': metadata, 'trivy.db': database, z: metadata }),
      /expected its end/,
    ],
    ['a database alone', () => packed({ 'trivy.db': database }), /it contains "trivy\.db", expected/],
    ['other dates', () => packed({ 'metadata.json': Buffer.from('{}\n'), 'trivy.db': database }), /its dates/],
    ['no gzip', () => Buffer.from('no gzip'), /db\.tar\.gz/],
    ['a layer cut short', () => layer.subarray(0, -20), /db\.tar\.gz/],
  ])('refuses %s', async (_, make, message) => {
    const bytes = await make();
    await expect(checked(bytes)).rejects.toMatchObject({ code: 'ERR_EXPORT_CONTENT_MISMATCH' });
    await expect(checked(bytes)).rejects.toThrow(message);
  });

  it('refuses another time than the bundle’s', async () => {
    await expect(checked(layer, 'db.tar.gz', '2026-08-23T00:00:00Z')).rejects.toThrow('time 1787443200');
  });

  it('refuses another title, a second layer, and none', async () => {
    await expect(checked(layer, 'db.tar.zst')).rejects.toMatchObject({ code: 'ERR_EXPORT_CONTENT_MISMATCH' });
    const check = checkTrivyDb({ asOf: '2026-08-22T00:00:00Z' as Instant, validForSeconds: 86_400, workDir });
    await expect(check.end()).rejects.toMatchObject({ code: 'ERR_EXPORT_CONTENT_MISMATCH' });
    await check.file('db.tar.gz', stream(layer));
    await expect(check.file('db.tar.gz', stream(layer))).rejects.toMatchObject({ code: 'ERR_EXPORT_CONTENT_MISMATCH' });
  });

  const packDb = (bytes: Buffer): Promise<Buffer> => packed({ 'metadata.json': metadata, 'trivy.db': bytes });

  /** The layer with the first bytes of some pages changed. */
  function pack(firstBytes: Readonly<Record<number, number>>): Promise<Buffer> {
    const changed = Buffer.from(database);
    for (const [page, byte] of Object.entries(firstBytes)) changed[Number(page) * 4096] = byte;
    return packDb(changed);
  }
});
