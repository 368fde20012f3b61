import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareText } from '#core';
import { Sorter, type SorterLimits } from '../../src/evidence/sort/sorter.ts';
import { EvidenceFixture } from './fixture.ts';

interface Item {
  readonly key: string;
  readonly record: string;
}

function hexOf(record: string): string {
  return createHash('sha256').update(record).digest('hex');
}

async function sort(items: readonly Item[], workDir: string, limits?: SorterLimits): Promise<Sorter> {
  const sorter = new Sorter(workDir, limits);
  for (const { key, record } of items) {
    await sorter.add({ key, hex: hexOf(record), verdict: 0, format: 1, place: `place of ${key}` }, Buffer.from(record));
  }
  return sorter;
}

async function readAll(sorter: Sorter, wanted: (key: string) => boolean = () => true): Promise<Item[]> {
  const cursor = await sorter.read();
  const items: Item[] = [];
  try {
    for (let row = cursor.next(); row !== undefined; row = cursor.next()) {
      if (!wanted(row.key)) continue;
      const target = Buffer.alloc(row.size + 2, 0x2e);
      cursor.read(target, 1);
      expect([target[0], target.at(-1)], 'nothing written outside').toEqual([0x2e, 0x2e]);
      items.push({ key: row.key, record: target.toString('utf8', 1, row.size + 1) });
    }
  } finally {
    await cursor.close();
  }
  return items;
}

/** What sorting must give, worked out the plain way. */
function expected(items: readonly Item[]): Item[] {
  const byKey = new Map(items.map((item) => [item.key, item]));
  return [...byKey.values()].sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
}

const tiny: SorterLimits = { memory: 500, fanIn: 3 };

describe('Sorter', () => {
  test('gives any records in byte order of key, each once, in memory and through many levels of files alike', async () => {
    await using fixture = await EvidenceFixture.make();
    const key = fc.string({
      unit: fc.constantFrom('a', 'b', '-', 'é', '\ue000', '\u{10000}', '\u{1f600}'),
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(key, { maxLength: 120 }), fc.nat(3), async (keys, length) => {
        const items = keys.map((name) => ({ key: name, record: `record ${name} `.repeat(length) }));
        for (const limits of [undefined, tiny]) {
          const sorter = await sort(items, fixture.temp, limits);
          expect(await readAll(sorter)).toEqual(expected(items));
          await sorter.seal();
          expect(await readAll(sorter), 'sealed').toEqual(expected(items));
          await sorter.close();
        }
        expect(await fixture.leftovers()).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  test('holds records larger than its blocks, in memory and in files', async () => {
    await using fixture = await EvidenceFixture.make();
    const items = [3, 1, 2].map((n) => ({ key: `k${n}`, record: String(n).repeat(n * 1_500_000) }));
    for (const limits of [undefined, { memory: 1_000_000, fanIn: 2 }]) {
      const sorter = await sort(items, fixture.temp, limits);
      expect((await readAll(sorter)).map(({ record }) => record.length)).toEqual([1_500_000, 3_000_000, 4_500_000]);
      expect(await readAll(sorter)).toEqual(expected(items));
      await sorter.close();
    }
  });

  test('can be read several times, in part, and by two readers at once', async () => {
    await using fixture = await EvidenceFixture.make();
    const items = Array.from({ length: 50 }, (_, n) => ({ key: `k${(n * 7) % 50}`, record: `record ${n}` }));
    const sorter = await sort(items, fixture.temp, tiny);
    const all = expected(items);
    expect(await Promise.all([readAll(sorter), readAll(sorter)])).toEqual([all, all]);
    const odd = (key: string) => Number(key.slice(1)) % 2 === 1;
    expect(await readAll(sorter, odd)).toEqual(all.filter(({ key }) => odd(key)));
    await sorter.close();
  });

  test('puts nothing on disk while the records are few, and merges files before they are many', async () => {
    await using fixture = await EvidenceFixture.make();
    const few = await sort([{ key: 'a', record: 'x' }], fixture.temp);
    expect(await fixture.leftovers()).toEqual([]);
    await few.close();
    const items = Array.from({ length: 400 }, (_, n) => ({ key: `k${n}`, record: 'x'.repeat(100) }));
    const many = await sort(items, fixture.temp, tiny);
    const [folder = ''] = await readdir(fixture.temp);
    // 400 records of about 300 bytes make 200 runs; in three digits of base 3 and up there are at most 2 of a level.
    expect((await readdir(`${fixture.temp}/${folder}`)).length / 2).toBeLessThanOrEqual(2 * 5);
    expect(await readAll(many)).toEqual(items.toSorted((a, b) => compareText(a.key, b.key)));
    await many.close();
    expect(await fixture.leftovers()).toEqual([]);
  });

  test('takes equal records as one and names both places of unequal ones', async () => {
    await using fixture = await EvidenceFixture.make();
    for (const limits of [undefined, tiny]) {
      const padding = Array.from({ length: 20 }, (_, n) => ({ key: `p${n}`, record: 'x'.repeat(50) }));
      const sorter = new Sorter(fixture.temp, limits);
      const add = (key: string, record: string, place: string) =>
        sorter.add({ key, hex: hexOf(record), verdict: 0, format: 1, place }, Buffer.from(record));
      await add('same', 'one', 'first.zip');
      await add('other', 'one', 'second.zip: a.json');
      for (const { key, record } of padding) await add(key, record, 'padding');
      await add('same', 'one', 'second.zip');
      await add('other', 'two', 'first.zip: b.json');
      await expect(readAll(sorter)).rejects.toMatchObject({
        code: 'ERR_EXPORT_RECORD_CONFLICT',
        message: expect.stringMatching(
          /other.*(first\.zip: b\.json.*second\.zip: a\.json|second\.zip: a\.json.*first\.zip: b\.json)/,
        ),
        hint: expect.any(String),
      });
      await sorter.close();
    }
  });

  test('says what the disk says when files cannot be written', async () => {
    await using fixture = await EvidenceFixture.make();
    await expect(sort([{ key: 'a', record: 'x'.repeat(600) }], `${fixture.temp}/missing`, tiny)).rejects.toMatchObject({
      code: 'ERR_EXPORT_NOT_FOUND',
    });
  });
});
