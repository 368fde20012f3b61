import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openArchive } from '#archive';
import { isCoded } from '#core';
import { Folder, readAll } from './reading.ts';
import { type ForgedArchive, type ForgedEntry, forgeZip } from './zip-forge.ts';

let folder: Folder;
beforeAll(async () => {
  folder = await Folder.make();
});
afterAll(() => folder[Symbol.asyncDispose]());

const read = async (entries: readonly ForgedEntry[], archive?: ForgedArchive) =>
  await readAll(await folder.write(forgeZip(entries, archive)));

const two: readonly ForgedEntry[] = [
  { name: 'a.json', content: '{"id":"A"}' },
  { name: 'deep/b.json', content: '{"id":"B"}', stored: true },
];
const twoContents = [
  ['a.json', '{"id":"A"}'],
  ['deep/b.json', '{"id":"B"}'],
];

describe('reads', () => {
  test('deflated and stored entries, folders left out', async () => {
    expect(await read([{ name: 'deep/', stored: true }, ...two])).toEqual(twoContents);
  });

  test('an archive without entries', async () => {
    expect(await read([])).toEqual([]);
  });

  test('an empty file and a file of one mebibyte and more', async () => {
    const large = 'x'.repeat(1_500_000);
    const contents = await read([
      { name: 'empty', content: '' },
      { name: 'empty-stored', content: '', stored: true },
      { name: 'large', content: large, stored: true },
    ]);
    expect(contents).toEqual([
      ['empty', ''],
      ['empty-stored', ''],
      ['large', large],
    ]);
  });

  test('entries that cross the window, and a directory larger than it', async () => {
    const entries = Array.from({ length: 2500 }, (_, i) => ({
      name: `${String(i).padStart(4, '0')}-${'n'.repeat(500)}`,
      content: `${i}`.repeat(150),
      stored: i % 2 === 0,
    }));
    expect(await read(entries)).toEqual(entries.map(({ name, content }) => [name, content]));
  });

  test('sizes in data descriptors', async () => {
    expect(await read(two.map((entry) => ({ ...entry, descriptor: true })))).toEqual(twoContents);
  });

  test('zip64 headers and a zip64 end', async () => {
    expect(
      await read(
        two.map((entry) => ({ ...entry, wide: true })),
        { wide: true },
      ),
    ).toEqual(twoContents);
  });

  test('a comment at the end, the longest one too', async () => {
    expect(await read(two, { comment: Buffer.from('made by hand') })).toEqual(twoContents);
    expect(await read(two, { comment: Buffer.alloc(0xffff, 'c') })).toEqual(twoContents);
  });

  test('a directory in another order than the file', async () => {
    expect(await read(two, { order: [1, 0] })).toEqual(twoContents.toReversed());
  });

  test('names in UTF-8, and bytes of an unknown code page one by one', async () => {
    const entries = [
      { name: 'größe.json', content: '1' },
      { name: Uint8Array.of(0x61, 0x81), content: '2' },
    ];
    expect(await read(entries)).toEqual([
      ['größe.json', '1'],
      ['a\u0081', '2'],
    ]);
  });

  test('names with segments that say nothing, without them', async () => {
    expect(await read([{ name: './a//b/./c', content: '1' }])).toEqual([['a/b/c', '1']]);
  });

  test('the same entries on every pass, and skips what is not read', async () => {
    await using reader = await openArchive(await folder.write(forgeZip(two)));
    for (let pass = 0; pass < 2; pass++) {
      const seen: string[] = [];
      for await (const entry of reader?.entries() ?? []) {
        if (entry.path === 'deep/b.json') seen.push(Buffer.from(await entry.read()).toString());
      }
      expect(seen).toEqual(['{"id":"B"}']);
    }
  });
});

describe('refuses as unsafe, when it is opened', () => {
  const unsafe = { code: 'ERR_EXPORT_ARCHIVE_UNSAFE' };
  const names = ['../a', 'a/../../b', 'a/..', '/etc/passwd', 'C:/a', 'c:a', 'a\\b', '..\\a', 'a\0b', '..'];
  test.each(names)('the name %j', async (name) => {
    const zip = await folder.write(forgeZip([...two, { name, content: '1' }]));
    await expect(openArchive(zip)).rejects.toMatchObject({ ...unsafe, details: { archive: zip, entry: name } });
  });

  test.each([
    ['a symbolic link', 0o120777],
    ['a character device', 0o020666],
    ['a block device', 0o060666],
    ['a pipe', 0o010666],
    ['a socket', 0o140666],
  ])('%s', async (_, mode) => {
    await expect(read([{ name: 'link', content: '/etc/passwd', mode }])).rejects.toMatchObject(unsafe);
  });

  test('plain files and folders keep their mode without harm', async () => {
    const files = [
      { name: 'd/', mode: 0o040755, stored: true },
      { name: 'f', content: '1', mode: 0o100644 },
    ];
    expect(await read(files)).toEqual([['f', '1']]);
  });

  test.each([['a.json'], ['./a.json']])('a second entry of the name %j', async (name) => {
    const error = await read([...two, { name, content: 'other' }]).catch((it: unknown) => it);
    expect(error).toMatchObject({
      ...unsafe,
      message: expect.stringContaining('"a.json": duplicate name in the archive'),
    });
  });
});

describe('refuses as invalid', () => {
  const invalid = { code: 'ERR_EXPORT_ARCHIVE_INVALID' };
  const a = { name: 'a', content: 'content of a' };
  const cases: readonly [string, readonly ForgedEntry[], ForgedArchive?][] = [
    ['an encrypted entry', [{ ...a, lie: { flags: 1 } }]],
    ['a strongly encrypted entry', [{ ...a, lie: { flags: 0x40 } }]],
    ['masked headers', [{ ...a, lie: { flags: 0x2000 } }]],
    ['method 12', [{ ...a, lie: { method: 12 } }]],
    ['deflate64', [{ ...a, lie: { method: 9 } }]],
    ['a stored entry of two sizes', [{ ...a, stored: true, lie: { size: 5 } }]],
    ['a wrong checksum', [{ ...a, lie: { crc: 1 } }]],
    ['a size that is too small', [{ ...a, lie: { size: 11 } }]],
    ['a size that is too large', [{ ...a, lie: { size: 13 } }]],
    ['an empty size for content', [{ ...a, lie: { size: 0 } }]],
    ['content that is no deflate data', [{ ...a, packed: Buffer.from('\xff\xff\xff\xff', 'latin1') }]],
    ['content that ends early', [{ ...a, packed: deflateRawSync(a.content).subarray(0, -3) }]],
    ['bytes after the content', [{ ...a, packed: Buffer.concat([deflateRawSync(a.content), Buffer.from('x')]) }]],
    ['far more packed than unpacked', [{ ...a, packed: Buffer.alloc(5000) }]],
    ['two names', [{ ...a, local: { name: 'b' } }]],
    ['two methods', [{ ...a, local: { method: 0 } }]],
    ['two kinds of flags', [{ ...a, local: { flags: 0x800 } }]],
    ['two checksums', [{ ...a, local: { crc: 7 } }]],
    ['two unpacked sizes', [{ ...a, local: { size: 3 } }]],
    ['two packed sizes', [{ ...a, local: { packed: 3 } }]],
    ['two sizes in zip64', [{ ...a, wide: true, local: { size: 3 } }]],
    ['a directory with content', [{ name: 'a/', content: '1', stored: true }]],
    ['no name', [{ name: '', content: '1' }]],
    ['a name marked as UTF-8 that is not', [{ name: Uint8Array.of(0xff), content: '1', lie: { flags: 0x800 } }]],
    ['an offset into the directory', [{ ...a, lie: { offset: 60 } }]],
    ['an offset beyond the file', [{ ...a, wide: true, lie: { offset: 2 ** 40 } }]],
    ['an impossible offset', [{ ...a, wide: true, lie: { offset: 2 ** 60 } }]],
    ['an offset that is not a header', [a, { ...a, name: 'b', lie: { offset: 44 } }]],
    ['more entries than promised', two, { end: { count: 1 } }],
    ['fewer entries than promised', two, { end: { count: 3 } }],
    ['a directory elsewhere', two, { end: { offset: 1 } }],
    ['a directory of another size', two, { end: { size: 20 } }],
    ['a part of a split archive', two, { end: { disk: 1 } }],
    ['two ends', two, { comment: forgeZip([]) }],
  ];
  test.each(cases)('%s', async (_, entries, archive) => {
    await expect(read(entries, archive)).rejects.toMatchObject(invalid);
  });

  test('two end records that contradict each other', async () => {
    const zip = forgeZip(two, { wide: true });
    zip.writeUInt16LE(1, zip.length - 12);
    await expect(readAll(await folder.write(zip))).rejects.toMatchObject(invalid);
  });

  test('an error names the archive and the entry', async () => {
    const path = await folder.write(forgeZip([two[0] ?? a, { ...a, lie: { crc: 1 } }]));
    await expect(readAll(path)).rejects.toThrow(`${path}: entry "a": its checksum does not match`);
  });

  test('an archive cut short anywhere', async () => {
    const zip = forgeZip(two, { comment: Buffer.from('end') });
    for (let length = 4; length < zip.length; length++) {
      await expect(readAll(await folder.write(zip.subarray(0, length))), `cut at ${length}`).rejects.toMatchObject(
        invalid,
      );
    }
  });

  test('bytes added to its end', async () => {
    await expect(readAll(await folder.write(Buffer.concat([forgeZip(two), Buffer.from('x')])))).rejects.toMatchObject(
      invalid,
    );
  });
});

test('a changed byte is refused, or changes nothing', async () => {
  const zip = forgeZip([...two, { name: 'c', content: 'C'.repeat(300), descriptor: true }, { name: 'd', wide: true }]);
  const before = await readAll(await folder.write(zip));
  await fc.assert(
    fc.asyncProperty(fc.nat(zip.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const damaged = Buffer.from(zip);
      damaged[at] = (damaged[at] ?? 0) ^ change;
      const after = await readAll(await folder.write(damaged)).catch((error: unknown) => error);
      if (isCoded(after, 'ERR_EXPORT_ARCHIVE_INVALID', 'ERR_EXPORT_ARCHIVE_UNSAFE', 'ERR_EXPORT_ARCHIVE_LIMIT')) return;
      if (after === undefined && at < 4) return;
      expect(after).toEqual(before);
    }),
    { numRuns: 600 },
  );
});

test('an entry is read once, and only until the next one', async () => {
  await using reader = await openArchive(await folder.write(forgeZip(two)));
  const seen = [];
  for await (const entry of reader?.entries() ?? []) seen.push(entry);
  await expect(seen[0]?.read()).rejects.toThrow(TypeError);
  for await (const entry of reader?.entries() ?? []) {
    await entry.read();
    await expect(entry.read()).rejects.toThrow(TypeError);
  }
});
