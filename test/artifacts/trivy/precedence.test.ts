import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#core';
import { affected, buildOf, lossesOf, rowOf } from './fixture.ts';

const ACME = { prefix: 'ACME-', id: 'acme', name: 'Acme Advisories', url: 'https://acme.example/' };

const until = (id: string, fixed: string, name = 'p'): JsonObject => ({
  id,
  aliases: ['CVE-2026-1'],
  summary: `by ${id}`,
  affected: [affected('npm', name, [{ introduced: '0' }, { fixed }])],
});

const records = [until('ACME-1', '1.4.0'), until('GHSA-1', '1.2.0'), until('ZZZ-1', '1.9.0')];

describe('precedence of sources', () => {
  it('leaves what the winner says, in its bucket, and lists the losers', async () => {
    const { dump, report } = await buildOf(records, { dataSources: [ACME], sourcePrecedence: ['acme', 'ghsa'] });
    const rows = [...dump].filter(([key]) => key.startsWith('npm::'));
    expect(rows).toEqual([
      [
        'npm::Acme Advisories | p | CVE-2026-1',
        '{"PatchedVersions":["1.4.0"],"VendorIDs":["ACME-1"],"VulnerableVersions":["\\u003c1.4.0"]}',
      ],
    ]);
    expect(lossesOf(report)).toEqual({ outranked: '2: GHSA-1 1 /affected, ZZZ-1 1 /affected' });
    expect(rowOf(dump, 'vulnerability | CVE-2026-1')['Title']).toBe('by ACME-1');
  });

  it('depends on the order of ids alone', async () => {
    const options = { dataSources: [ACME], sourcePrecedence: ['ghsa', 'acme'] };
    const { dump, report } = await buildOf(records, options);
    expect(dump.get('npm::GitHub Security Advisory npm | p | CVE-2026-1')).toContain('"PatchedVersions":["1.2.0"]');
    expect(lossesOf(report)).toEqual({ outranked: '2: ACME-1 1 /affected, ZZZ-1 1 /affected' });
    expect(rowOf(dump, 'vulnerability | CVE-2026-1')['Title']).toBe('by GHSA-1');
    expect((await buildOf(records.toReversed(), options)).layer.equals((await buildOf(records, options)).layer)).toBe(
      true,
    );
  });

  it('merges sources that it does not name, where none that it names speaks', async () => {
    const { dump, report } = await buildOf(records, { dataSources: [ACME], sourcePrecedence: ['govulndb'] });
    expect(rowOf(dump, 'npm::Acme Advisories | p | CVE-2026-1')['VendorIDs']).toEqual(['ACME-1', 'GHSA-1', 'ZZZ-1']);
    expect(lossesOf(report)).toEqual({});
  });

  it('concerns one package and id: another stays', async () => {
    const others = [...records, until('GHSA-2', '1.2.0', 'q')];
    const { dump } = await buildOf(others, { dataSources: [ACME], sourcePrecedence: ['acme'] });
    expect(dump.has('npm::GitHub Security Advisory npm | q | CVE-2026-1')).toBe(true);
  });

  it('merges several records of the winner', async () => {
    const several = [until('ACME-1', '1.4.0'), until('ACME-2', '1.5.0'), until('GHSA-1', '1.9.0')];
    const { dump } = await buildOf(several, { dataSources: [ACME], sourcePrecedence: ['acme'] });
    expect(rowOf(dump, 'npm::Acme Advisories | p | CVE-2026-1')).toMatchObject({
      VendorIDs: ['ACME-1', 'ACME-2'],
      PatchedVersions: ['1.5.0'],
    });
  });

  it.each([
    ['an id that no source has', ['acme', 'nobody']],
    ['an id twice', ['ghsa', 'ghsa']],
  ])('is refused with %s', async (_, sourcePrecedence) => {
    await expect(buildOf([], { dataSources: [ACME], sourcePrecedence })).rejects.toMatchObject({
      code: 'ERR_EXPORT_USAGE',
    });
  });
});
