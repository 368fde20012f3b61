import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#core';
import { parseSelector } from '#evidence';
import { readJson } from '../core/read-json.ts';
import { EvidenceFixture, recordsOf } from './fixture.ts';

const examples = join(import.meta.dirname, '../../examples');

async function advisories(): Promise<JsonObject[]> {
  await using fixture = await EvidenceFixture.make();
  const set = await fixture.collect([join(examples, 'evidence')]);
  const records = (await recordsOf(set, 'advisories')).map(({ bytes }) =>
    readJson(Buffer.from(bytes).toString('utf8')),
  );
  await set.close();
  return records;
}

describe('the sample', () => {
  test('is valid, whole, and of both formats', async () => {
    await using fixture = await EvidenceFixture.make();
    const set = await fixture.collect([join(examples, 'evidence')]);
    expect(set).toMatchObject({ kept: 32, withheld: [], ignored: [], newest: '2026-11-24T00:00:00Z' });
    expect(set.classes).toMatchObject({ advisories: { count: 28 }, vex: { count: 4 } });
    await set.close();
  });

  test('covers five ecosystems, names its files by id, and gives every record a title, a text and a reference', async () => {
    const records = await advisories();
    const ecosystems = records.map(
      (record) => (record['affected'] as { package: { ecosystem: string } }[])[0]?.package.ecosystem,
    );
    const counts = Object.groupBy(ecosystems, (ecosystem) => ecosystem as string);
    expect(Object.keys(counts).sort()).toEqual(['Go', 'Maven', 'PyPI', 'crates.io', 'npm']);
    for (const [ecosystem, found] of Object.entries(counts)) expect(found?.length, ecosystem).toBeGreaterThanOrEqual(4);
    const files = await readdir(join(examples, 'evidence/osv'));
    expect(files.sort()).toEqual(records.map(({ id }) => `${id}.json`));
    for (const record of records) {
      expect(record, String(record['id'])).toMatchObject({
        summary: expect.stringMatching(/\S/),
        details: expect.stringMatching(/\S/),
      });
      expect((record['references'] as unknown[]).length).toBeGreaterThan(0);
    }
  });

  test('has what its README says: one withdrawn, one without a score, one with a word for it', async () => {
    await using fixture = await EvidenceFixture.make();
    const withClause = async (selector: object) => {
      const set = await fixture.collect([join(examples, 'evidence/osv')], { selector: parseSelector(selector) });
      const keys = (await recordsOf(set, 'advisories')).map(({ key }) => key);
      await set.close();
      return { keys, unscored: set.unscored };
    };
    expect((await withClause({ withdrawn: 'only' })).keys).toEqual(['PYSEC-2022-15']);
    const medium = await withClause({ minimumSeverity: 'medium', withdrawn: 'exclude' });
    expect(medium.unscored).toBe(1);
    expect(medium.keys).toEqual(expect.arrayContaining(['RUSTSEC-2020-0159', 'GHSA-qwph-4952-7xr6']));
    expect((await withClause({ minimumSeverity: 'high' })).keys).not.toContain('GHSA-qwph-4952-7xr6');
  });

  test('is about the application: a lock file names a package of each advisory but the withdrawn one', async () => {
    const app = join(examples, 'app');
    const locks = (await readdir(app, { recursive: true })).filter((name) => /lock|go\.mod|requirements/.test(name));
    expect(locks.length).toBe(5);
    const text = (await Promise.all(locks.map((name) => readFile(join(app, name), 'utf8')))).join('\n').toLowerCase();
    const absent = (await advisories()).filter((record) => {
      const affected = record['affected'] as { package: { name: string } }[];
      return !affected.some(({ package: { name } }) => text.includes(name.toLowerCase()));
    });

    expect(absent.map(({ id }) => id)).toEqual(['PYSEC-2022-15']);
  });

  test('names no place to download packages from', async () => {
    const files = (await readdir(examples, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    for (const { parentPath, name } of files) {
      const text = await readFile(join(parentPath, name), 'utf8');
      expect(text, name).not.toMatch(
        /registry\.npmjs|pypi\.org|crates\.io-index|static\.crates\.io|proxy\.golang|maven\.org|registry\+/,
      );
    }
  });
});
