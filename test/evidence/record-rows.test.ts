import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Sorter, type SorterLimits } from '#sort';
import { RecordRows } from '../../src/evidence/record-rows.ts';
import { encodeRow } from '../../src/evidence/row.ts';
import { EvidenceFixture } from './fixture.ts';

interface Item {
  readonly key: string;
  readonly record: string;
  readonly place: string;
}

const tiny: SorterLimits = { memory: 500, fanIn: 3 };

async function sort(items: readonly Item[], workDir: string, limits: Partial<SorterLimits>): Promise<Sorter> {
  const sorter = new Sorter(workDir, limits);
  for (const { key, record, place } of items) {
    const hex = createHash('sha256').update(record).digest('hex');
    sorter.add(encodeRow({ key, hex, verdict: 0, format: 1, departs: key === 'a', place }), Buffer.from(record));
    await sorter.relieve();
  }
  return sorter;
}

async function readAll(sorter: Sorter): Promise<Item[]> {
  const rows = await RecordRows.open(sorter);
  const items: Item[] = [];
  try {
    for (let row = rows.next(); row !== undefined; row = rows.next()) {
      const target = Buffer.alloc(row.size);
      rows.read(target, 0);
      items.push({ key: row.key, record: target.toString(), place: row.place });
      expect([row.verdict, row.format, row.departs]).toEqual([0, 1, row.key === 'a']);
      expect(row.hex).toBe(createHash('sha256').update(target).digest('hex'));
    }
  } finally {
    await rows.close();
  }
  return items;
}

test('gives each record once, in byte order of key, with the facts noted of it', async () => {
  await using fixture = await EvidenceFixture.make();
  const key = fc.string({
    unit: fc.constantFrom('a', 'b', '-', 'é', '\ue000', '\u{1f600}'),
    minLength: 1,
    maxLength: 4,
  });
  await fc.assert(
    fc.asyncProperty(fc.array(key, { maxLength: 60 }), async (keys) => {
      const items = keys.map((name) => ({ key: name, record: `record ${name}`, place: `plâce of ${name}` }));
      const wanted = [...new Map(items.map((item) => [item.key, item])).values()].sort((a, b) =>
        Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)),
      );
      for (const limits of [{}, tiny]) {
        const sorter = await sort(items, fixture.temp, limits);
        expect(await readAll(sorter)).toEqual(wanted);
        await sorter.close();
      }
    }),
    { numRuns: 40 },
  );
});

test('takes equal records as one and names both places of unequal ones, in whatever order they came', async () => {
  await using fixture = await EvidenceFixture.make();
  const padding = Array.from({ length: 20 }, (_, n) => ({ key: `p${n}`, record: 'x'.repeat(50), place: 'padding' }));
  const items = [
    { key: 'same', record: 'one', place: 'first.zip' },
    { key: 'other', record: 'one', place: 'second.zip: a.json' },
    ...padding,
    { key: 'same', record: 'one', place: 'second.zip' },
    { key: 'other', record: 'two', place: 'first.zip: b.json' },
  ];
  const messages = new Set<string>();
  for (const order of [items, items.toReversed()]) {
    for (const limits of [{}, tiny]) {
      const sorter = await sort(order, fixture.temp, limits);
      const failure = await readAll(sorter).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'ERR_EXPORT_RECORD_CONFLICT', hint: expect.any(String) });
      messages.add((failure as Error).message);
      await sorter.close();
    }
  }
  expect([...messages]).toEqual([
    expect.stringMatching(/^record other .*(first|second)\.zip: .*(first|second)\.zip: /),
  ]);
});
