import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { constants, deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { type ForgedFile, forgeTar } from '../archive/tar-forge.ts';
import { type ForgedEntry, forgeZip } from '../archive/zip-forge.ts';
import { advisory } from '../fixtures/records.ts';
import { noise } from '../oci/content.ts';
import type { Failure } from './failures.ts';
import { Standing } from './standing.ts';

let standing: Standing;
beforeAll(async () => {
  standing = await Standing.open();
});
afterAll(() => standing[Symbol.asyncDispose]());

const invalid = (says?: RegExp): Failure => ({
  code: 'ERR_EXPORT_ARCHIVE_INVALID',
  ...(says && { says }),
  hint: /again|anew/,
});
const unsafe = (says: RegExp): Failure => ({
  code: 'ERR_EXPORT_ARCHIVE_UNSAFE',
  says,
  hint: /do not unpack|plain files|copy of the file/,
});
const limit = (says: RegExp): Failure => ({
  code: 'ERR_EXPORT_ARCHIVE_LIMIT',
  says,
  hint: /where the archive comes from/,
});

const record = (id: string) => JSON.stringify(advisory(id));
/** Enough of what does not compress that a cut or a flipped byte falls into content. */
const large = JSON.stringify(
  advisory('LARGE-1', { details: Buffer.from(noise(30_000, 'archive')).toString('base64') }),
);
const valid: ForgedEntry[] = [
  { name: 'a.json', content: record('A-1') },
  { name: 'large.json', content: large },
  { name: 'z.json', content: record('Z-1') },
];
const zip = (...more: ForgedEntry[]) => forgeZip([...valid, ...more]);
const tar = (...more: ForgedFile[]) => forgeTar([...(valid as ForgedFile[]), ...more]);

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(at) ^ 0x55, at);
  return copy;
}

/** As the zstd program packs: with a checksum. */
const zstd = (bytes: Buffer) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });

const middle = (bytes: Buffer) => Math.floor(bytes.length / 2);
const zeros = Buffer.alloc(64 * 1024 * 1024);
const mebibyte = Buffer.alloc(1024 * 1024, 'a');

const cases: Readonly<Record<string, Readonly<Record<string, readonly [Buffer, Failure]>>>> = {
  zip: {
    'cut in half': [zip().subarray(0, middle(zip())), invalid(/records\.zip/)],
    'cut by one byte': [zip().subarray(0, -1), invalid(/records\.zip/)],
    'cut within its directory': [zip().subarray(0, -60), invalid(/records\.zip/)],
    'a flipped byte within an entry': [flipped(zip(), middle(zip())), invalid(/"large\.json"/)],
    'a wrong checksum': [
      zip({ name: 'x.json', content: record('X-1'), lie: { crc: 1 } }),
      invalid(/"x\.json": its checksum/),
    ],
    'an entry above the folder': [zip({ name: '../x.json', content: record('X-1') }), unsafe(/"\.\.\/x\.json"/)],
    'an entry that climbs on its way': [
      zip({ name: 'a/../../x.json', content: record('X-1') }),
      unsafe(/"a\/\.\.\/\.\.\/x\.json"/),
    ],
    'an absolute entry': [zip({ name: '/etc/x.json', content: record('X-1') }), unsafe(/"\/etc\/x\.json"/)],
    'an entry with backslashes': [zip({ name: '..\\x.json', content: record('X-1') }), unsafe(/x\.json/)],
    'a symbolic link': [zip({ name: 'x.json', content: '/etc/passwd', mode: 0o120777 }), unsafe(/"x\.json"/)],
    'two entries of one name': [zip({ name: 'a.json', content: record('X-1') }), unsafe(/"a\.json".*duplicate name/)],
    'a bomb in one entry': [
      zip({ name: 'x.json', content: Buffer.alloc(12 * 1024 * 1024, ' ') }),
      limit(/"x\.json": .* more than 200 times/),
    ],
    'a bomb in many entries': [
      zip(...Array.from({ length: 40 }, (_, i) => ({ name: `x${i}.json`, content: mebibyte }))),
      limit(/more than 200 times its size/),
    ],
    'entries over one another': [
      zip(
        { name: 'x.json', content: record('X-1'), lie: { offset: 0 } },
        { name: 'y.json', content: record('Y-1'), lie: { offset: 0 } },
      ),
      invalid(/overlapping entries/),
    ],
    'a size that promises less than there is': [
      zip({ name: 'x.json', packed: deflateRawSync(mebibyte), content: mebibyte, lie: { size: 100 } }),
      invalid(/"x\.json"/),
    ],
  },
  tar: {
    'cut in half': [tar().subarray(0, middle(tar())), invalid(/truncated/)],
    'cut before its end': [tar().subarray(0, -1024), invalid(/truncated/)],
    'a flipped byte in a header': [flipped(tar(), 1024 + 100), invalid()],
    'an entry above the folder': [tar({ name: '../x.json', content: record('X-1') }), unsafe(/"\.\.\/x\.json"/)],
    'a symbolic link': [tar({ name: 'x.json', type: '2' }), unsafe(/"x\.json": a symbolic link/)],
    'a hard link': [tar({ name: 'x.json', type: '1' }), unsafe(/"x\.json": a hard link/)],
    'a device': [tar({ name: 'x.json', type: '3' }), unsafe(/"x\.json": a device/)],
    'two entries of one name': [tar({ name: './a.json', content: record('X-1') }), unsafe(/"a\.json".*duplicate name/)],
    'a second archive behind it': [Buffer.concat([tar(), tar()]), invalid(/trailing bytes/)],
  },
  'tar.gz': {
    'cut in half': [gzipSync(tar()).subarray(0, middle(gzipSync(tar()))), invalid(/truncated/)],
    'cut by one byte': [gzipSync(tar()).subarray(0, -1), invalid(/truncated/)],
    'a flipped byte': [flipped(gzipSync(tar()), middle(gzipSync(tar()))), invalid()],
    'a wrong checksum': [flipped(gzipSync(tar()), gzipSync(tar()).length - 6), invalid()],
    'bytes behind it': [Buffer.concat([gzipSync(tar()), Buffer.from('\0more')]), invalid(/trailing bytes/)],
    'a bomb': [gzipSync(tar({ name: 'x.bin', content: zeros })), limit(/more than 200 times its size/)],
    'an entry above the folder': [gzipSync(tar({ name: 'x/../../y.json' })), unsafe(/y\.json/)],
  },
  'tar.zst': {
    'cut in half': [zstd(tar()).subarray(0, middle(zstd(tar()))), invalid(/truncated/)],
    'cut by one byte': [zstd(tar()).subarray(0, -1), invalid(/truncated/)],
    'a flipped byte': [flipped(zstd(tar()), middle(zstd(tar()))), invalid()],
    'bytes behind it': [Buffer.concat([zstd(tar()), Buffer.from('more')]), invalid()],
    'a bomb': [zstd(tar({ name: 'x.bin', content: zeros })), limit(/more than 200 times its size/)],
    'a symbolic link': [zstd(tar({ name: 'x.json', type: '2' })), unsafe(/symbolic link/)],
  },
};

describe.each(Object.entries(cases))('a bad %s', (form, bad) => {
  test.each(Object.entries(bad))('%s', async (_, [bytes, failure]) => {
    await standing.refuses([await standing.fixture.file(`records.${form}`, bytes)], failure);
  });
});

describe('a bad folder', () => {
  test('a symbolic link to a file, below a folder', async () => {
    const folder = await standing.fixture.folder({ 'deep/a.json': advisory('A-1') });
    await symlink('a.json', join(folder, 'deep/b.json'));
    await standing.refuses([folder], unsafe(/"deep\/b\.json" is a symbolic link/));
  });

  test('a symbolic link that leads back to the folder', async () => {
    const folder = await standing.fixture.folder({ 'a.json': advisory('A-1') });
    await mkdir(join(folder, 'deep'));
    await symlink('..', join(folder, 'deep/up'));
    await standing.refuses([folder], unsafe(/"deep\/up" is a symbolic link/));
  });

  test('it is not there, or no folder', async () => {
    const missing: Failure = {
      code: 'ERR_EXPORT_SOURCE_UNREADABLE',
      says: /no such file or directory/,
      hint: /check the path/,
    };
    await standing.refuses([join(standing.fixture.path, 'nowhere')], missing);
    const file = await standing.fixture.file('a.json', advisory('A-1'));
    await standing.refuses([join(file, 'below')], { code: 'ERR_EXPORT_SOURCE_UNREADABLE', says: /not a directory/ });
  });
});

test('a file whose name is no text', async () => {
  const folder = await standing.fixture.folder({ 'a.json': advisory('A-1') });
  await writeFile(Buffer.concat([Buffer.from(`${folder}/`), Buffer.of(0xff), Buffer.from('.json')]), record('B-1'));
  await standing.refuses([folder], { code: 'ERR_EXPORT_SOURCE_UNREADABLE', says: /not valid UTF-8/, hint: /rename/ });
});

test('after all that, what is there can still be exported to', async () => {
  const source = await standing.fixture.file('records.zip', zip());
  await standing.accepts([source]);
});
