import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#core';
import { affected, buildOf, lossesOf, rowOf } from './scene.ts';

const [from, to, last, limit] = [
  (introduced: string) => ({ introduced }),
  (fixed: string) => ({ fixed }),
  (last_affected: string) => ({ last_affected }),
  (text: string) => ({ limit: text }),
];

/** What trivy.db says of a package of PyPI with this entry of `affected`. */
async function advisory(entry: JsonObject): Promise<JsonObject> {
  const { dump } = await buildOf([{ id: 'PYSEC-1', affected: [entry] }]);
  return rowOf(dump, 'pip::Python Packaging Advisory Database | p | PYSEC-1');
}

const listed = (versions: readonly string[], ...ranges: JsonObject[][]): JsonObject => ({
  ...affected('PyPI', 'p', ...ranges),
  versions,
});

describe('events', () => {
  it.each<[string, JsonObject[], string[], string[]]>([
    ['a start and a fix', [from('1'), to('2')], ['>=1, <2'], ['2']],
    ['from the beginning', [from('0'), to('2')], ['<2'], ['2']],
    ['from the beginning, without an end', [from('0')], ['>=0'], []],
    ['no end', [from('1.5')], ['>=1.5'], []],
    ['a last affected version', [from('1'), last('2')], ['>=1, <=2'], []],
    ['one version', [from('1'), last('1')], ['=1'], []],
    ['several ranges', [from('0'), to('1'), from('2'), to('3'), from('4')], ['<1', '>=2, <3', '>=4'], ['1', '3']],
    ['ranges in no order, which stay', [from('2'), to('3'), from('0'), to('1')], ['>=2, <3', '<1'], ['3', '1']],
    ['all starts first', [from('0'), from('2'), to('1'), to('3')], ['<1', '>=2, <3'], ['1', '3']],
    ['a fix before its start', [to('2'), from('1')], ['>=1, <2'], ['2']],
    ['a fix that comes too late', [from('1'), to('2'), to('3')], ['>=1, <2'], ['2', '3']],
    ['a start within a range', [from('1'), from('1.5'), to('2')], ['>=1, <2'], ['2']],
    ['an end where the next begins', [from('2'), to('2'), from('1'), to('3')], ['>=2, <2', '>=1, <3'], ['2', '3']],
    ['a limit, which fixes nothing', [from('1'), limit('2')], ['>=1, <2'], []],
    ['no limit', [from('1'), limit('*')], ['>=1'], []],
  ])('%s', async (_, events, vulnerable, patched) => {
    const found = await advisory(affected('PyPI', 'p', events));
    expect(found['VulnerableVersions']).toEqual(vulnerable);
    expect(found['PatchedVersions'] ?? []).toEqual(patched);
  });

  it('of several ranges are put together, those of commits left aside', async () => {
    const entry = affected('PyPI', 'p', [from('1'), to('2')], [from('3'), last('4')]);
    const git = { type: 'GIT', repo: 'https://example.org/p', events: [from('0'), to('abc')] };
    const found = await advisory({ ...entry, ranges: [git, ...(entry['ranges'] as JsonObject[])] });
    expect(found['VulnerableVersions']).toEqual(['>=1, <2', '>=3, <=4']);
  });
});

describe('listed versions', () => {
  it('are written where no range takes them in', async () => {
    const found = await advisory(listed(['0.9', '1.0', '1.5', '2.0', '3.0'], [from('1'), to('2')]));
    expect(found['VulnerableVersions']).toEqual(['>=1, <2', '=0.9', '=2.0', '=3.0']);
  });

  it('of PyPI are written where they are pre-releases of the fix', async () => {
    const found = await advisory(listed(['3.7.0', '3.8.0a7', '3.8.0.dev1'], [from('0'), to('3.8.0')]));
    expect(found['VulnerableVersions']).toEqual(['<3.8.0', '=3.8.0a7', '=3.8.0.dev1']);
  });

  it('are all there is without ranges', async () => {
    const found = await advisory({ package: { ecosystem: 'PyPI', name: 'p' }, versions: ['1.0', '1.0RC1'] });
    expect(found).toEqual({ VulnerableVersions: ['=1.0', '=1.0rc1'] });
  });

  it('that trivy could not parse are left out and counted, and the rest of the advisory works', async () => {
    const { dump, report } = await buildOf([
      { id: 'PYSEC-1', affected: [listed(['0.1-bulbasaur', '0.5', '2.0.0-final'], [from('0'), to('1')])] },
    ]);
    const found = rowOf(dump, 'pip::Python Packaging Advisory Database | p | PYSEC-1');
    expect(found).toEqual({ VulnerableVersions: ['<1'], PatchedVersions: ['1'] });
    expect(lossesOf(report)).toEqual({ versionNotComparable: '2: PYSEC-1 2 /affected/0/versions/0' });
    expect(report.withheld).toEqual([]);
  });
});

describe('the last known affected version of GitHub', () => {
  const known = (range: string, ...events: JsonObject[]): JsonObject => ({
    ...affected('PyPI', 'p', events),
    database_specific: { last_known_affected_version_range: range },
  });

  it.each<[string, JsonObject, string[]]>([
    ['ends a range that has no end', known('<= 1.2.3', from('1')), ['>=1, <=1.2.3']],
    ['may leave itself out', known('< 1.2.3', from('0')), ['>=0, <1.2.3']],
    ['counts for nothing beside an end', known('<= 9', from('1'), to('2')), ['>=1, <2']],
    ['counts for nothing in another form', known('>= 9', from('1')), ['>=1']],
  ])('%s', async (_, entry, vulnerable) => {
    expect((await advisory(entry))['VulnerableVersions']).toEqual(vulnerable);
  });
});

describe('ranges that trivy could not parse', () => {
  const bad = { id: 'PYSEC-2', affected: [affected('PyPI', 'a', [from('0'), to('1')], [from('0'), to('0.2.0-n653')])] };
  const good = { id: 'PYSEC-1', affected: [affected('PyPI', 'b', [from('0'), to('1')])] };

  it.each([true, false])('are withheld and listed, and never written (skipInvalid %s)', async (skipInvalid) => {
    const { dump, report, records } = await buildOf([good, bad], { skipInvalid });
    expect(report.withheld).toEqual([
      { record: 'PYSEC-2', code: 'ERR_EXPORT_RANGE_INVALID', pointer: '/affected/0/ranges/1/events/1/fixed' },
    ]);
    expect(records).toBe(1);
    expect([...dump.values()].join()).not.toContain('n653');
    expect([...dump.keys()].filter((key) => key.includes('PYSEC-2'))).toEqual([]);
  });

  it.each<[string, JsonObject, string]>([
    ['npm', affected('npm', 'a', [from('1.x')]), '/affected/0/ranges/0/events/0/introduced'],
    ['Go', affected('Go', 'a', [from('0'), last('latest')]), '/affected/0/ranges/0/events/1/last_affected'],
    ['Maven', affected('Maven', 'a:b', [from('0'), limit('[1,2)')]), '/affected/0/ranges/0/events/1/limit'],
    ['crates.io', affected('crates.io', 'a', [from('0'), to('1.0 2.0')]), '/affected/0/ranges/0/events/1/fixed'],
    [
      'PyPI',
      { ...affected('PyPI', 'a', [from('0')]), database_specific: { last_known_affected_version_range: '<= x' } },
      '/affected/0/database_specific/last_known_affected_version_range',
    ],
  ])('are found in %s', async (_, entry, pointer) => {
    const { report } = await buildOf([{ id: 'X-1', affected: [entry] }]);
    expect(report.withheld).toEqual([{ record: 'X-1', code: 'ERR_EXPORT_RANGE_INVALID', pointer }]);
  });
});
