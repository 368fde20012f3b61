import { randomBytes } from 'node:crypto';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ArchiveLimits, decodeGzip, decodeZstd, openArchive } from '#archive';
import { collect, Folder, inChunks, readAll } from './reading.ts';
import { forgeTar } from './tar-forge.ts';
import { forgeZip } from './zip-forge.ts';

let folder: Folder;
beforeAll(async () => {
  folder = await Folder.make();
});
afterAll(() => folder[Symbol.asyncDispose]());

const MIB = 1024 * 1024;
const limit = { code: 'ERR_EXPORT_ARCHIVE_LIMIT' };
const zeros = Buffer.alloc(40 * MIB);
const files = [
  { name: 'a', content: randomBytes(5000) },
  { name: 'b', content: randomBytes(5000) },
  { name: 'c', content: randomBytes(5000) },
];
const containers: readonly [string, (files: readonly { name: string; content: Uint8Array }[]) => Buffer][] = [
  ['zip', forgeZip],
  ['tar', forgeTar],
  ['tar.gz', (entries) => gzipSync(forgeTar(entries))],
  ['tar.zst', (entries) => zstdCompressSync(forgeTar(entries))],
];

describe.each(containers)('%s', (format, pack) => {
  const open = async (limits: Partial<ArchiveLimits>, entries = files) =>
    await readAll(await folder.write(pack(entries)), limits);

  test('is told by its content', async () => {
    await using reader = await openArchive(await folder.write(pack(files)));
    expect(reader?.format).toBe(format);
  });

  test('maxEntries is the most that passes', async () => {
    expect(await open({ maxEntries: 3 })).toHaveLength(3);
    await expect(open({ maxEntries: 2 })).rejects.toMatchObject(limit);
  });

  test('maxTotalBytes ends it', async () => {
    expect(await open({ maxTotalBytes: 30_000 })).toHaveLength(3);
    await expect(open({ maxTotalBytes: 14_000 })).rejects.toMatchObject(limit);
  });

  test('an entry over maxEntryBytes is refused when it is read, and passed over when not', async () => {
    const entries = [
      ...files,
      { name: 'large', content: randomBytes(9000) },
      { name: 'last', content: Buffer.from('1') },
    ];
    const path = await folder.write(pack(entries));
    await expect(readAll(path, { maxEntryBytes: 8999 })).rejects.toMatchObject({
      code: 'ERR_EXPORT_RECORD_TOO_LARGE',
      details: { archive: path, entry: 'large', sizeBytes: 9000, maxBytes: 8999 },
    });
    expect(await readAll(path, { maxEntryBytes: 9000 })).toHaveLength(5);
    await using reader = await openArchive(path, { maxEntryBytes: 8999 });
    const seen: string[] = [];
    for await (const entry of reader?.entries() ?? []) {
      if (entry.size < 9000) await entry.read();
      seen.push(entry.path);
    }
    expect(seen).toEqual(['a', 'b', 'c', 'large', 'last']);
  });

  test('a small file of one repeated byte is no bomb', async () => {
    const content = Buffer.alloc(MIB);
    expect(await open({}, [{ name: 'run', content }])).toEqual([['run', content.toString('latin1')]]);
  });
});

describe.each(containers.filter(([format]) => format !== 'tar'))('a bomb in %s', (_, pack) => {
  test('is refused by its ratio, though every byte of it is true', async () => {
    const bomb = await folder.write(pack([{ name: 'bomb', content: zeros }]));
    await expect(readAll(bomb, { maxEntryBytes: 64 * MIB })).rejects.toMatchObject(limit);
    const trusted = await readAll(bomb, { maxEntryBytes: 64 * MIB, maxRatio: 100_000 });
    expect(trusted?.[0]?.[1]).toHaveLength(zeros.length);
  });
});

describe('zip', () => {
  test('many entries below the ratio of one are refused by their sum', async () => {
    const entries = Array.from({ length: 40 }, (_, i) => ({ name: `${i}`, content: zeros.subarray(0, MIB) }));
    await expect(openArchive(await folder.write(forgeZip(entries)))).rejects.toMatchObject(limit);
  });

  test('entries that share their content are refused', async () => {
    const content = randomBytes(1000);
    const one = { name: 'x', content };
    const entries = [one, { ...one, name: 'y', lie: { offset: 0 }, local: { name: 'x' } }];
    await expect(openArchive(await folder.write(forgeZip(entries)))).rejects.toMatchObject({
      code: 'ERR_EXPORT_ARCHIVE_INVALID',
      message: expect.stringContaining('overlapping entries'),
    });
  });

  test('entries that reach into each other are refused in whatever order the directory has them', async () => {
    const inner = forgeZip([{ name: 'y', content: 'inner', stored: true }]);
    const outer = { name: 'x', content: inner, stored: true };
    // The second entry's header lies within the content of the first.
    const y = { name: 'y', content: 'inner', stored: true, lie: { offset: 31 } };
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      await expect(openArchive(await folder.write(forgeZip([outer, y], { order })))).rejects.toMatchObject({
        code: 'ERR_EXPORT_ARCHIVE_INVALID',
        message: expect.stringContaining('overlapping entries'),
      });
    }
  });
});

describe.each([
  ['gzip', gzipSync, decodeGzip],
  ['zstd', zstdCompressSync, decodeZstd],
] as const)('a stream of %s', (_, pack, decode) => {
  test('ends at the limit, long before all of it is unpacked', async () => {
    let unpacked = 0;
    const bomb = pack(zeros);
    const consume = async () => {
      for await (const chunk of decode(inChunks(bomb, [1000]), 'bomb')) unpacked += chunk.length;
    };
    await expect(consume()).rejects.toMatchObject({ ...limit, message: expect.stringMatching(/^bomb: /) });
    expect(unpacked).toBeLessThan(26 * MIB);
  });

  test('has a total of its own', async () => {
    const bytes = pack(randomBytes(10_000));
    await expect(collect(decode(inChunks(bytes, [999]), 'x', { maxTotalBytes: 9999 }))).rejects.toMatchObject(limit);
    expect(await collect(decode(inChunks(bytes, [999]), 'x', { maxTotalBytes: 10_000 }))).toHaveLength(10_000);
  });
});
