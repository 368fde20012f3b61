import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeKey, readItems, Sorter, type SorterLimits } from '#sort';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sorter-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

type Pair = readonly [key: string, payload: string];

const tiny: SorterLimits = { memory: 500, fanIn: 3 };

async function sort(pairs: readonly Pair[], limits?: Partial<SorterLimits>): Promise<Sorter> {
  const sorter = new Sorter(folder, limits);
  for (const [index, [key, payload]] of pairs.entries()) {
    sorter.add(key, index % 2 === 0 ? payload : Buffer.from(payload));
    await sorter.relieve();
  }
  return sorter;
}

async function readAll(sorter: Sorter, wanted: (key: string) => boolean = () => true): Promise<Pair[]> {
  const cursor = await sorter.read();
  const pairs: Pair[] = [];
  try {
    while (cursor.next()) {
      const { key, size } = cursor;
      if (!wanted(key)) continue;
      const target = Buffer.alloc(size + 2, 0x2e);
      cursor.read(target, 1);
      expect([target[0], target.at(-1)], 'nothing written outside').toEqual([0x2e, 0x2e]);
      pairs.push([key, target.toString('utf8', 1, size + 1)]);
    }
    expect(cursor.next(), 'the end stays the end').toBe(false);
  } finally {
    await cursor.close();
  }
  return pairs;
}

async function readBatches(sorter: Sorter): Promise<Pair[]> {
  const pairs: Pair[] = [];
  // Copied batch by batch: a batch is valid only until the next one.
  for await (const batch of readItems(sorter)) for (const { key, value } of batch) pairs.push([key, value.toString()]);
  return pairs;
}

/** What sorting must give, worked out the plain way. */
function expected(pairs: readonly Pair[]): Pair[] {
  return pairs
    .map((pair, index) => ({ pair, index }))
    .sort((a, b) => (a.pair[0] < b.pair[0] ? -1 : a.pair[0] > b.pair[0] ? 1 : a.index - b.index))
    .map(({ pair }) => pair);
}

const byte = fc.constantFrom(0, 1, 0x61, 0x62, 0x80, 0xff).map((code) => String.fromCharCode(code));
const pairs = fc.array(
  fc.tuple(
    fc.string({ unit: byte, minLength: 1, maxLength: 4 }),
    fc.oneof(
      { weight: 20, arbitrary: fc.string({ unit: 'grapheme', maxLength: 200 }) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 300_000 }).map((size) => 'é'.repeat(size)) },
    ),
  ),
  { maxLength: 120 },
);

describe('Sorter', () => {
  test('orders by the bytes of keys and keeps the order of equal keys, in memory and through files alike', async () => {
    await fc.assert(
      fc.asyncProperty(pairs, fc.integer({ min: 1, max: 3000 }), async (given, memory) => {
        for (const limits of [{}, tiny, { memory, fanIn: 2 }]) {
          const sorter = await sort(given, limits);
          expect(await readAll(sorter)).toEqual(expected(given));
          expect(await readBatches(sorter)).toEqual(expected(given));
          await sorter.close();
        }
        expect(await readdir(folder)).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  test('orders encoded texts by code point', async () => {
    const texts = ['\u{10000}', '\ue000', 'é', 'z', '\u{1f600}'];
    const sorter = await sort(texts.map((text) => [encodeKey(text), text]));
    const read = await readAll(sorter);
    expect(read.map(([, text]) => text)).toEqual(['z', 'é', '\ue000', '\u{10000}', '\u{1f600}']);
  });

  test('holds payloads larger than its blocks, in memory and in files', async () => {
    const given = [3, 1, 2].map((n): Pair => [`k${n}`, String(n).repeat(n * 1_500_000)]);
    for (const limits of [{}, { memory: 1_000_000, fanIn: 2 }]) {
      const sorter = await sort(given, limits);
      expect((await readAll(sorter)).map(([, payload]) => payload.length)).toEqual([1_500_000, 3_000_000, 4_500_000]);
      expect(await readBatches(sorter)).toEqual(expected(given));
      await sorter.close();
    }
  });

  test('can be read several times, in part, and by two readers at once', async () => {
    const given = Array.from({ length: 50 }, (_, n): Pair => [`k${(n * 7) % 50}`, `payload ${n}`.repeat(5)]);
    const sorter = await sort(given, tiny);
    const all = expected(given);
    expect(await Promise.all([readAll(sorter), readAll(sorter)])).toEqual([all, all]);
    const odd = (key: string) => Number(key.slice(1)) % 2 === 1;
    expect(await readAll(sorter, odd)).toEqual(all.filter(([key]) => odd(key)));
  });

  test('puts nothing on disk while items are few, and reads no more files at a time than it may', async () => {
    const few = await sort([['a', 'x']]);
    expect(await readAll(few)).toEqual([['a', 'x']]);
    expect(await readdir(folder)).toEqual([]);
    for (const count of [2, 3, 4, 5, 9, 10, 11, 28, 200]) {
      const given = Array.from({ length: count }, (_, n): Pair => [`k${n % 7}`, `${n}-${'x'.repeat(500)}`]);
      const sorter = await sort(given, tiny);
      await sorter.seal();
      const [own = ''] = await readdir(folder);
      expect((await readdir(join(folder, own))).length / 2).toBe(Math.min(count, tiny.fanIn));
      expect(await readAll(sorter)).toEqual(expected(given));
      await sorter.close();
    }
  });

  test('says what the disk says when files cannot be written, and keeps what it holds', async () => {
    const sorter = new Sorter(join(folder, 'missing'), tiny);
    sorter.add('a', 'x'.repeat(600));
    await expect(sorter.relieve()).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });

    const given = [1, 2, 3].map((n): Pair => [`k${n}`, String(n).repeat(600)]);
    const other = await sort(given.slice(0, 1), tiny);
    const [own = ''] = await readdir(folder);
    await writeFile(join(folder, own, '1.data'), 'in the way');
    other.add(...(given[1] as Pair));
    await expect(other.relieve()).rejects.toMatchObject({ code: 'ERR_EXPORT_IO' });
    await other.relieve();
    other.add(...(given[2] as Pair));
    expect(await readAll(other)).toEqual(given);
    await other.close();
    expect(await readdir(folder)).toEqual([]);
  });

  test.each(['keys', 'data'])('refuses a run whose .%s file lost its end', async (kind) => {
    const given = Array.from({ length: 20 }, (_, n): Pair => [`k${n}`, 'x'.repeat(100)]);
    const sorter = await sort(given, { memory: 1000, fanIn: 8 });
    await sorter.seal();
    const [own = ''] = await readdir(folder);
    await truncate(join(folder, own, `0.${kind}`), 13);
    await expect(readAll(sorter)).rejects.toMatchObject({
      code: 'ERR_EXPORT_IO',
      message: expect.stringContaining(own),
    });
  });
});
