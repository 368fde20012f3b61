import { beforeEach, expect, test } from 'vitest';
import { compareText } from '#core';
import { readItems, Sorter } from '#sort';
import { LossCollector } from '../../../src/artifacts/losses.ts';
import { uniteAdvisories } from '../../../src/artifacts/trivy/advisory-union.ts';
import { databaseEntries } from '../../../src/artifacts/trivy/database.ts';
import { trivyDbLosses } from '../../../src/artifacts/trivy/losses.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';

let folder: string;
beforeEach(async () => {
  folder = await makeTempDir();
});

const openLosses = () => new LossCollector(folder, trivyDbLosses);

test('what is too much for one row is left out and named, with the first of those that stay', async () => {
  const [advisories, rows] = [new Sorter(folder), new Sorter(folder)];
  const losses = openLosses();
  const advisory = (record: string, below: string) =>
    `npm::S\0${record}\0${JSON.stringify({ VendorIDs: [record], VulnerableVersions: [`<${below}`] })}`;
  for (const [i, below] of ['1.0.0', '2.0.0', '3.0.0', '4.0.0'].entries()) {
    advisories.add('npm\0p\0CVE-1', advisory(`A-${i}`, below));
  }
  advisories.add('npm\0q\0CVE-1', advisory('A-9', '1.0.0'));
  await uniteAdvisories(advisories, rows, losses, { maxUnion: 2 * advisory('A-0', '1.0.0').length });
  const found: [string, string][] = [];
  for await (const batch of readItems(rows)) {
    for (const { key, value } of batch) found.push([key, Buffer.from(value).toString()]);
  }
  expect(found.map(([key]) => key)).toEqual(['npm::S\0p\0CVE-1', 'npm::S\0q\0CVE-1']);
  expect(found[0]?.[1]).toContain('"VendorIDs":["A-0","A-1"]');
  expect(await losses.finish()).toMatchObject([
    {
      reason: 'unionTooLarge',
      parts: 3,
      listed: [{ record: 'A-0' }, { record: 'A-2' }, { record: 'A-3' }],
    },
  ]);
});

test('more rows of one package and ID are united than a call takes arguments', async () => {
  const [advisories, rows] = [new Sorter(folder), new Sorter(folder)];
  for (let i = 0; i < 150_000; i++)
    advisories.add('wolfi\0p\0CVE-1', `wolfi\0A\0${i % 2 ? '{"FixedVersion":"1"}' : '{}'}`);
  await uniteAdvisories(advisories, rows, openLosses(), { rankOf: () => 1 });
  const [batch] = await Array.fromAsync(readItems(rows), (items) => items.map(({ key }) => key));
  expect(batch).toEqual(['wolfi\0p\0CVE-1']);
});

test('what is too much for one description is left out and named', async () => {
  const rows = new Sorter(folder);
  const losses = openLosses();
  const view = (title: string) => JSON.stringify({ Title: title, Severity: 'UNKNOWN' });
  for (const record of ['A-0', 'A-1', 'A-2']) {
    rows.add('vulnerability\0CVE-1\0osv', `${record}\0${view(record)}`);
  }
  rows.add('vulnerability\0CVE-2\0osv', `A-3\0${view('A-3')}`);
  const entries = await Array.fromAsync(databaseEntries(readItems(rows), losses, compareText, 2 * view('A-0').length));
  const values = entries.flat().map((entry) => ('value' in entry ? Buffer.from(entry.value).toString() : ''));
  expect(values).toEqual([view('A-1'), view('A-3')]);
  expect(await losses.finish()).toMatchObject([
    { reason: 'descriptionTooLarge', parts: 1, listed: [{ record: 'A-2' }] },
  ]);
});
