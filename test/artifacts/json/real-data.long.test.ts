import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { collectRecords, type RecordSet } from '#evidence';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { type Built, buildAll, check, expectationOf } from './building.ts';

const data = join(import.meta.dirname, '../../../../shared/data');
const present = existsSync(data);
if (!present) console.warn(`skipped: real evidence is absent (${data})`);

test.runIf(process.env['CI'] === 'true')('CI has the real evidence', () => {
  expect(present).toBe(true);
});

describe.runIf(present)('real evidence', () => {
  let workDir: string;
  const days = new Map<string, Built>();
  beforeAll(async () => {
    workDir = await makeTempDir();
    for (const day of ['08-14', '08-20', '08-22']) days.set(day, await buildAll(await collect(`osv-go-2026-${day}`)));
  });

  const collect = async (name: string): Promise<RecordSet> =>
    await collectRecords({ sources: [join(data, `${name}.zip`)], selector: {}, withholdInvalid: false, workDir });

  const shardsOf = (day: string) => (days.get(day)?.files ?? []).filter(({ path }) => path.startsWith('data/'));

  /** Share of the bytes of a day's data layers that an earlier day's bundle already has. */
  function reuse(from: string, to: string): number {
    const there = new Set(shardsOf(from).map(({ digest }) => digest));
    const sum = (bytes: number, { sizeBytes }: { sizeBytes: number }) => bytes + sizeBytes;
    const kept = shardsOf(to).filter(({ digest }) => there.has(digest));
    return kept.reduce(sum, 0) / shardsOf(to).reduce(sum, 0);
  }

  test('six days with 138 changes of 4,291 records leave 88 % of the bytes as they are', () => {
    expect(shardsOf('08-20').reduce((sum, { records }) => sum + records, 0)).toBe(4291);
    expect(reuse('08-14', '08-20')).toBeGreaterThanOrEqual(0.88);
    expect(reuse('08-14', '08-20')).toBeLessThan(1);
  });

  test('two days with one change leave 98 %, and so would a change in whichever shard', () => {
    expect(reuse('08-20', '08-22')).toBeGreaterThanOrEqual(0.98);
    expect(reuse('08-20', '08-22')).toBeLessThan(1);
    const total = shardsOf('08-22').reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const largest = Math.max(...shardsOf('08-22').map(({ sizeBytes }) => sizeBytes));
    expect(1 - largest / total).toBeGreaterThanOrEqual(0.98);
  });

  test('there are far fewer than a thousand layers, at k = 5', () => {
    expect(days.get('08-22')?.k).toBe(5);
    expect(days.get('08-22')?.files.length).toBeLessThan(300);
  });

  test.each(['osv-go-2026-08-22', 'osv-pypi-2024-10-11', 'openvex-vexhub-2026-03-23'])(
    '%s passes its check',
    async (name) => {
      const set = await collect(name);
      const built = await buildAll(set);
      await check(expectationOf(set, built), built.files);
      await set.close();
    },
  );
});
