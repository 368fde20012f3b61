import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type BboltEntry, BboltFile, type BboltStart, checkBbolt, writeBbolt } from '#bbolt';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { content, entriesOf, textOf } from './entries.ts';
import { resized, sealMeta } from './resize.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');
const text = (key: Uint8Array | undefined): string => Buffer.from(key ?? '').toString();

let folder: string;
beforeAll(async () => {
  folder = await makeTempDir();
});

async function written(entries: readonly BboltEntry[], name = 'a.db'): Promise<string> {
  const path = join(folder, name);
  await rm(path, { force: true });
  await writeBbolt(path, [entries]);
  return path;
}

async function entriesIn(path: string, start?: BboltStart): Promise<string[]> {
  await using file = await BboltFile.open(path);
  return (await Array.fromAsync(file.entries(start))).map(textOf);
}

/** Two root buckets; `eco` has 300 packages, the tenth with so many advisories that they take pages of their own. */
function packages(): BboltEntry[] {
  const names = Array.from({ length: 300 }, (_, i) => `pkg-${String(i).padStart(3, '0')}`);
  const eco = names.flatMap((name, i) =>
    Array.from({ length: i === 10 ? 200 : 2 }, (_, j) => ({
      bucket: [bytes('eco'), bytes(name)],
      key: bytes(`id-${String(j).padStart(3, '0')}`),
      value: bytes(`value ${i} ${j}`),
    })),
  );
  const details = Array.from({ length: 50 }, (_, i) => ({
    bucket: [bytes('vulnerability')],
    key: bytes(`id-${String(i).padStart(3, '0')}`),
    value: Buffer.alloc(200, i),
  }));
  return [...eco, { bucket: [bytes('none')] }, ...details];
}

describe('BboltFile', () => {
  it.each([1024, 2048, 8192, 16_384, 65_536])('reads pages of %i bytes', async (pageSize) => {
    await fc.assert(
      fc.asyncProperty(content, async (tree) => {
        const entries = [...entriesOf(tree)];
        const path = await written(entries);
        await writeFile(path, resized(await readFile(path), pageSize));
        expect(await entriesIn(path)).toEqual(entries.map(textOf));
      }),
      { numRuns: 5 },
    );
  });

  it.each([1024, 4096, 65_536])(
    'finds the second meta of pages of %i bytes where the first is invalid',
    async (size) => {
      const path = await written(packages());
      const file = resized(await readFile(path), size).fill(0, 16, 80);
      await writeFile(path, file);
      expect(await entriesIn(path)).toEqual(packages().map(textOf));
    },
  );

  it('takes the later of two valid metas, and the other where that one is damaged', async () => {
    const path = await written(packages());
    const file = await readFile(path);
    // An older state with nothing in it: its root is the free list, which no reader takes for a leaf.
    file.writeBigUInt64LE(2n, 32);
    sealMeta(file.subarray(0, 80));
    await writeFile(path, file);
    expect(await entriesIn(path)).toHaveLength(packages().length);
    file.writeUInt8(1, 4096 + 40);
    await writeFile(path, file);
    await expect(entriesIn(path)).rejects.toThrow(/page 2 has flags 16/);
  });

  it.each([
    [512, /unsupported page size of 512 bytes/],
    [3000, /unsupported page size of 3000 bytes/],
    [131_072, /unsupported page size of 131072 bytes/],
  ])('refuses pages of %i bytes', async (size, message) => {
    const path = await written(packages());
    const file = await readFile(path);
    file.writeUInt32LE(size, 24);
    sealMeta(file.subarray(0, 80));
    await writeFile(path, file);
    await expect(BboltFile.open(path)).rejects.toMatchObject({ code: 'ERR_EXPORT_CONTENT_MISMATCH' });
    await expect(BboltFile.open(path)).rejects.toThrow(message);
  });

  it('begins at a key of a bucket, or at the one after it', async () => {
    const path = await written(packages());
    const all = packages();
    const from = (bucket: string[], key: string): Promise<string[]> =>
      entriesIn(path, { bucket: bucket.map(bytes), from: bytes(key) });
    const inEco = all.filter(({ bucket }) => text(bucket[0]) === 'eco').map(textOf);
    expect(await from(['eco'], '')).toEqual(inEco);
    expect(await from(['eco'], 'pkg-200')).toEqual(inEco.slice(-200));
    expect(await from(['eco'], 'pkg-1995')).toEqual(inEco.slice(-200));
    expect(await from(['eco'], 'pkg-9')).toEqual([]);
    expect(await from(['eco', 'pkg-010'], 'id-150')).toHaveLength(50);
    expect(await from(['eco', 'pkg-011'], 'id-0005')).toEqual(
      all.filter(({ bucket, key }) => text(bucket[1]) === 'pkg-011' && text(key) === 'id-001').map(textOf),
    );
    expect(await from([], 'none')).toHaveLength(51);
    expect(await entriesIn(path, { bucket: [bytes('none')] })).toEqual([textOf({ bucket: [bytes('none')] })]);
    expect(await entriesIn(path, { bucket: [bytes('absent')] })).toEqual([]);
    expect(await entriesIn(path, { bucket: [bytes('vulnerability'), bytes('id-001')] })).toEqual([]);
  });

  it('finds every key of any content from which it begins', async () => {
    await fc.assert(
      fc.asyncProperty(content, async (tree) => {
        const entries = [...entriesOf(tree)];
        await using file = await BboltFile.open(await written(entries));
        for (const { bucket, key, value } of entries.slice(0, 20)) {
          if (key === undefined) continue;
          const [batch] = await Array.fromAsync(file.elements(bucket, key));
          expect(text(batch?.[0]?.key)).toBe(text(key));
          expect(await file.get(bucket, key)).toEqual(new Uint8Array(value as Uint8Array));
        }
      }),
      { numRuns: 20 },
    );
  });

  it('lists what is directly in a bucket, and counts what is below', async () => {
    await using file = await BboltFile.open(await written(packages()));
    const buckets = (await Array.fromAsync(file.buckets())).map(({ name, ...count }) => [text(name), count]);
    expect(buckets).toEqual([
      ['eco', { buckets: 300, values: 798 }],
      ['none', { buckets: 0, values: 0 }],
      ['vulnerability', { buckets: 0, values: 50 }],
    ]);
    expect(await file.count([])).toEqual({ buckets: 303, values: 848 });
    const inEco = (await Array.fromAsync(file.elements([bytes('eco')]))).flat();
    expect(inEco).toHaveLength(300);
    expect(inEco.every(({ value }) => value === undefined)).toBe(true);
    const last = (await Array.fromAsync(file.elements([bytes('vulnerability')], bytes('id-049')))).flat();
    expect(last.map(({ key, value }) => [text(key), value?.byteLength])).toEqual([['id-049', 200]]);
    expect(await Array.fromAsync(file.elements([bytes('absent')]))).toEqual([]);
  });

  it('finds a key by halving, without reading the whole page', async () => {
    const entries = Array.from({ length: 10 }, (_, i) => ({
      bucket: [bytes('b')],
      key: bytes(`k${i}`),
      value: Buffer.alloc(200, i),
    }));
    const path = await written(entries);
    const file = await readFile(path);
    const page = Math.floor(file.indexOf('k0') / 4096) * 4096;
    file.writeUInt32LE(1_000_000, page + 16 + 4);
    await writeFile(path, file);
    await using damaged = await BboltFile.open(path);
    expect(await damaged.get([bytes('b')], bytes('k9'))).toEqual(new Uint8Array(200).fill(9));
    expect(await damaged.get([bytes('b')], bytes('k91'))).toBeUndefined();
    await expect(damaged.get([bytes('b')], bytes('k0'))).rejects.toMatchObject({
      code: 'ERR_EXPORT_CONTENT_MISMATCH',
      message: expect.stringContaining('has an element 0 that reaches beyond it'),
    });
    await expect(Array.fromAsync(damaged.entries())).rejects.toMatchObject({ code: 'ERR_EXPORT_CONTENT_MISMATCH' });
  });

  it('reads values of many pages one at a time', async () => {
    const entries = Array.from({ length: 6 }, (_, i) => ({
      bucket: [bytes('b')],
      key: bytes(`k${i}`),
      value: Buffer.alloc(i % 2 === 0 ? 3_000_000 : 10, i),
    }));
    const path = await written(entries);
    await using file = await BboltFile.open(path);
    const batches = await Array.fromAsync(file.batches());
    expect(batches.flat().map(textOf)).toEqual(entries.map(textOf));
    expect(Math.max(...batches.map((batch) => batch.length))).toBeLessThan(3);
    expect((await file.get([bytes('b')], bytes('k4')))?.byteLength).toBe(3_000_000);
  });

  it('refuses a value that memory is not meant to hold, which the check passes over', async () => {
    const path = await written([{ bucket: [bytes('b')], key: bytes('k'), value: new Uint8Array(5000) }]);
    const file = Buffer.concat([await readFile(path), Buffer.alloc(4096)]);
    // The leaf moves to the end, page 6, and says that its value goes on for 2 GiB, of which none takes space.
    file.copyWithin(6 * 4096, 3 * 4096, 4 * 4096);
    file.writeUInt8(6, 6 * 4096);
    file.writeUInt32LE(2 ** 19, 6 * 4096 + 12);
    file.writeUInt32LE(2 ** 31 - 2, 6 * 4096 + 16 + 12);
    file.writeUInt8(6, file.indexOf(bytes('b'), 5 * 4096 + 16) + 1);
    const pages = 7 + 2 ** 19;
    for (const at of [0, 4096]) {
      file.writeBigUInt64LE(2n ** 64n - 1n, at + 48);
      file.writeBigUInt64LE(BigInt(pages), at + 56);
      sealMeta(file.subarray(at));
    }
    await writeFile(path, file);
    await truncate(path, pages * 4096);
    expect(await checkBbolt(path)).toMatchObject({ faults: [], pages, values: 1 });
    await expect(entriesIn(path)).rejects.toMatchObject({ code: 'ERR_EXPORT_TOO_LARGE' });
    await expect(entriesIn(path)).rejects.toThrow(/page 6: a value of 2147483646 bytes/);
  });

  it('says that a file became shorter while it was read', async () => {
    const entries = Array.from({ length: 4000 }, (_, i) => ({
      bucket: [bytes('b')],
      key: bytes(`key-${10_000 + i}`),
      value: new Uint8Array(1000),
    }));
    const path = await written(entries);
    await using file = await BboltFile.open(path);
    await truncate(path, 1_000_000);
    await expect(Array.fromAsync(file.entries())).rejects.toMatchObject({ code: 'ERR_EXPORT_IO' });
  });
});
