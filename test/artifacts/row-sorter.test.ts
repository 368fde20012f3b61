import { mkdtemp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { RowSorter } from '../../src/artifacts/row-sorter.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';

let folder: string;
beforeEach(async () => {
  folder = await makeTempDir();
});

type Pair = readonly [key: string, value: string];

async function sorted(pairs: readonly Pair[], memory?: number): Promise<Pair[]> {
  const inner = await mkdtemp(join(folder, 'run-'));
  const sorter = new RowSorter(inner, memory);
  for (const [key, value] of pairs) {
    sorter.add(key, value);
    await sorter.relieve();
  }
  const result: Pair[] = [];
  // Copied batch by batch: a batch is valid only until the next one.
  for await (const batch of sorter.read()) {
    for (const { key, value } of batch) result.push([key, Buffer.from(value).toString('utf8')]);
  }
  return result;
}

const expected = (pairs: readonly Pair[]): Pair[] =>
  pairs
    .map((pair, i) => ({ pair, i }))
    .sort((a, b) => (a.pair[0] < b.pair[0] ? -1 : a.pair[0] > b.pair[0] ? 1 : a.i - b.i))
    .map(({ pair }) => pair);

const pairs = fc.array(
  fc.tuple(
    fc.string({
      minLength: 1,
      maxLength: 5,
      unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    }),
    fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc.integer({ min: 1, max: 300_000 }).map((size) => 'é'.repeat(size)),
    ),
  ),
  { maxLength: 80 },
);

describe('RowSorter', () => {
  it('sorts by key and keeps the order of equal keys, in memory and through files', async () => {
    await fc.assert(
      fc.asyncProperty(pairs, fc.integer({ min: 1, max: 3000 }), async (given, memory) => {
        expect(await sorted(given)).toEqual(expected(given));
        expect(await sorted(given, memory)).toEqual(expected(given));
      }),
      { numRuns: 30 },
    );
  });

  it('puts nothing on disk while rows are few, and something when they are many', async () => {
    const few = new RowSorter(folder);
    few.add('a', 'b');
    await few.relieve();
    expect(await readdir(folder)).toEqual([]);
    const many = new RowSorter(folder, 1000);
    for (let i = 0; i < 100; i++) many.add(`key ${i}`, 'v'.repeat(100));
    await many.relieve();
    expect(await readdir(folder)).toEqual(['rows-0']);
  });

  it('names the file that cannot be written', async () => {
    const sorter = new RowSorter(join(folder, 'none'), 1);
    sorter.add('a', 'b');
    await expect(sorter.relieve()).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });
  });
});
