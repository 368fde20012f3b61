import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#core';
import { affected, buildOf, lossesOf, rowOf } from './fixture.ts';

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
    ['from the beginning, without an end', [from('0')], ['>=0', '<=0'], []],
    ['from the beginning to 0', [from('0'), last('0')], ['<=0'], []],
    ['from a pre-release of 0', [from('0.dev0')], ['>=0.dev0'], []],
    ['no end', [from('1.5')], ['>=1.5'], []],
    ['a last affected version', [from('1'), last('2')], ['>=1, <=2'], []],
    ['one version', [from('1'), last('1')], ['=1'], []],
    ['several ranges', [from('0'), to('1'), from('2'), to('3'), from('4')], ['<1', '>=2, <3', '>=4'], ['1', '3']],
    ['ranges in no order, which stay', [from('2'), to('3'), from('0'), to('1')], ['>=2, <3', '<1'], ['3', '1']],
    ['all starts first', [from('0'), from('2'), to('1'), to('3')], ['<1', '>=2, <3'], ['1', '3']],
    ['a fix before its start', [to('2'), from('1')], ['>=1, <2'], ['2']],
    ['a fix that comes too late', [from('1'), to('2'), to('3')], ['>=1, <2'], ['2', '3']],
    ['a start within a range', [from('1'), from('1.5'), to('2')], ['>=1, <2'], ['2']],
    ['an end where the next begins', [from('2'), to('2'), from('1'), to('3')], ['>=2, <3', '>=1 <2'], ['3']],
    ['an end at its beginning', [from('2'), to('2')], ['>=2, <2'], ['2']],
    [
      'ranges that overlap, of which the first end counts',
      [from('0'), to('3'), from('1'), to('2')],
      ['<2'],
      ['3', '2'],
    ],
    ['a limit, which fixes nothing', [from('1'), limit('2')], ['>=1 <2'], []],
    ['a limit from the beginning', [from('0'), limit('2')], ['<=2 <2'], []],
    ['no limit', [from('1'), limit('*')], ['>=1'], []],
    ['no limit beside another', [from('1'), limit('2'), limit('*')], ['>=1'], []],
    ['two limits, of which the higher counts', [from('1'), limit('3'), limit('2')], ['>=1 <3'], []],
    ['a limit before a fix', [from('1'), limit('2'), to('3')], ['>=1 <2'], ['3']],
    ['a limit after a fix', [from('1'), limit('3'), to('2')], ['>=1, <2'], ['2']],
    ['a limit at a fix', [from('1'), to('2'), limit('2')], ['>=1, <2'], ['2']],
    ['a limit at the last affected version', [from('1'), last('2'), limit('2')], ['>=1 <2'], []],
    ['a limit above the one version', [from('1'), last('1'), limit('2')], ['=1'], []],
    ['a beginning after the limit', [from('1'), to('1.5'), limit('2'), from('3')], ['>=1, <1.5'], ['1.5']],
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

describe('events of Bitnami', () => {
  it.each<[string, JsonObject[], string[]]>([
    ['a pre-release and its release', [from('1.24.0-0'), to('1.24.0')], ['>=1.24.0-0, <1.24.0']],
    ['a version and its revision', [from('1.24.0'), to('1.24.0-1')], ['>=1.24.0, <1.24.0-1']],
    [
      'revisions of one version',
      [from('0'), to('1.2.0-3'), from('1.2.0-5'), to('1.2.0-7')],
      ['<1.2.0-3', '>=1.2.0-5, <1.2.0-7'],
    ],
    [
      'versions in no order',
      [from('1.3.0'), to('1.4.0'), from('1.1.0-0'), to('1.1.0')],
      ['>=1.3.0, <1.4.0', '>=1.1.0-0, <1.1.0'],
    ],
  ])('that say %s', async (_, events, vulnerable) => {
    const { dump } = await buildOf([{ id: 'BIT-1', affected: [affected('Bitnami', 'p', events)] }]);
    const row = rowOf(dump, 'bitnami::Bitnami Vulnerability Database | p | BIT-1');
    expect(row['VulnerableVersions']).toEqual(vulnerable);
  });
});

describe('listed versions', () => {
  it('are written where no range takes them in', async () => {
    const found = await advisory(listed(['0.9', '1.0', '1.5', '2.0', '3.0'], [from('1'), to('2')]));
    expect(found).toEqual({ VulnerableVersions: ['>=1 <2', '=0.9', '=2.0', '=3.0'] });
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
    ['may leave itself out, and is no fix', known('<1.2.3', from('1')), ['>=1 <1.2.3']],
    ['ends a range from the beginning', known(' < 1.2.3 ', from('0')), ['<=1.2.3 <1.2.3']],
    ['counts for nothing below the beginning', known('<= 0.9', from('1')), ['>=1']],
    ['counts for nothing beside an end', known('<= 9', from('1'), to('2')), ['>=1, <2']],
    ['counts for nothing in another form', known('>= 9', from('1')), ['>=1']],
    ['counts for nothing where it is no version', known('<= x', from('1')), ['>=1']],
    ['may have any white space', known(`<${' '.repeat(160_000)}9 `, from('1')), ['>=1 <9']],
    ['counts for nothing where it is too long', known(`< ${'9'.repeat(160_000)}`, from('1')), ['>=1']],
  ])('%s', async (_, entry, vulnerable) => {
    expect((await advisory(entry))['VulnerableVersions']).toEqual(vulnerable);
  });
});

describe('fixed versions', () => {
  it.each<[string, JsonObject[], string[], string[] | undefined]>([
    [
      'that another range takes in',
      [affected('PyPI', 'p', [from('0'), to('2')], [from('2'), to('3')])],
      ['<=2 <2', '>=2, <3'],
      ['3'],
    ],
    [
      'that a range to the last affected version takes in',
      [affected('PyPI', 'p', [from('0'), to('2')], [from('1'), last('2.1')])],
      ['<=2 <2', '>=1, <=2.1'],
      undefined,
    ],
    [
      'that a range without an end takes in',
      [affected('PyPI', 'p', [from('0'), to('2')], [from('0')])],
      ['<=2 <2', '>=0', '<=0'],
      undefined,
    ],
    [
      'that are the one affected version of a range',
      [affected('PyPI', 'p', [from('0'), to('2')], [from('2.0'), last('2.0')])],
      ['<=2 <2', '=2.0'],
      undefined,
    ],
    ['that are listed in another spelling', [listed(['2.0.0'], [from('0'), to('2')])], ['<=2 <2', '=2.0.0'], undefined],
    ['that are listed with a label', [listed(['2.0+x'], [from('0'), to('2')])], ['<=2 <2', '=2.0+x'], undefined],
    [
      'that another entry for the package takes in',
      [affected('PyPI', 'P', [from('0'), to('2')]), affected('PyPI', 'p', [from('1.9'), to('4')])],
      ['<=2 <2', '>=1.9, <4'],
      ['4'],
    ],
  ])('%s are left out, and not shown for the bound either', async (_, entries, vulnerable, patched) => {
    const { dump } = await buildOf([{ id: 'PYSEC-1', affected: entries }]);
    const found = rowOf(dump, 'pip::Python Packaging Advisory Database | p | PYSEC-1');
    expect(found['VulnerableVersions']).toEqual(vulnerable);
    expect(found['PatchedVersions']).toEqual(patched);
  });

  it('of another package stay', async () => {
    const entries = [affected('PyPI', 'p', [from('0'), to('2')]), affected('PyPI', 'q', [from('2'), to('3')])];
    const { dump } = await buildOf([{ id: 'PYSEC-1', affected: entries }]);
    const found = rowOf(dump, 'pip::Python Packaging Advisory Database | p | PYSEC-1');
    expect(found).toEqual({ VulnerableVersions: ['<2'], PatchedVersions: ['2'] });
  });

  it('are not shown where telling them from affected ones would take long', async () => {
    const events = Array.from({ length: 1000 }, (_, i) => [from(`${i}.1`), to(`${i}.2`)]).flat();
    const { dump, report } = await buildOf([{ id: 'PYSEC-1', affected: [affected('PyPI', 'p', events)] }]);
    const found = rowOf(dump, 'pip::Python Packaging Advisory Database | p | PYSEC-1');
    expect(found['PatchedVersions']).toBeUndefined();
    expect((found['VulnerableVersions'] as string[])[0]).toBe('>=0.1 <0.2');
    expect(lossesOf(report)).toEqual({ fixesNotShown: '1: PYSEC-1 1 /affected' });
  });
});

describe('bounds that trivy could not parse become the nearest that take in more', () => {
  it.each<[string, string, JsonObject[], string[], string[] | undefined]>([
    ['a local label of a fix', 'PyPI', [from('0'), to('2.0.1+cu118')], ['<=2.0.1, !=2.0.1+cu118'], ['2.0.1+cu118']],
    ['local labels on both sides', 'PyPI', [from('2+a'), to('2+b')], ['>=2, <=2, !=2+b'], ['2+b']],
    ['a local label of the last affected version', 'PyPI', [from('1'), last('2+x')], ['>=1, <=2'], undefined],
    ['a local label of a limit', 'PyPI', [from('1'), limit('2+x')], ['>=1, <=2'], undefined],
    ['a label that is none', 'PyPI', [from('1'), to('2+x y')], ['>=1, <=2'], undefined],
    ['a suffix of a fix', 'PyPI', [from('0'), to('0.2.0-n653')], ['<=0.2.0.1.dev0 <0.2.0.1.dev0'], undefined],
    ['a suffix of a beginning', 'PyPI', [from('2.0.0-final'), to('3')], ['>=2.0.0.dev0, <3'], ['3']],
    [
      'a suffix where the next range begins',
      'PyPI',
      [from('0'), to('1-final'), from('1'), to('3')],
      ['<=1.1.dev0 <1.1.dev0', '>=1, <3'],
      ['3'],
    ],
    ['a wildcard', 'PyPI', [from('0'), to('1.0.*')], ['<=1.1.dev0 <1.1.dev0'], undefined],
    [
      'a number beyond 64 bits',
      'PyPI',
      [from('1'), to('2.99999999999999999999.1')],
      ['>=1, <=2.18446744073709551615'],
      undefined,
    ],
    ['a fourth number', 'npm', [from('1.0.0'), to('1.2.3.4')], ['>=1.0.0 <1.2.4-0'], undefined],
    ['a wildcard of npm', 'npm', [from('1.x'), last('2.x')], ['>=1.0.0-0 <3.0.0-0'], undefined],
    ['a pre-release that is none', 'npm', [from('1.0.0'), to('2.0.0-rc_1')], ['>=1.0.0 <2.0.0'], undefined],
    [
      'a wildcard in a pre-release',
      'npm',
      [from('1.0.0-x'), to('2.0.0-rc.X')],
      ['>=1.0.0-x-, <=2.0.0-rc.X-'],
      undefined,
    ],
    ['an underscore', 'Go', [from('0'), to('1.0.0_rc1')], ['<=1.0.0.1-0 <1.0.0.1-0'], undefined],
    ['a wildcard in a pre-release of Go', 'Go', [from('v1.0.0-x'), to('2.0.0')], ['>=v1.0.0-x-, <2.0.0'], ['2.0.0']],
    ['white space in between', 'crates.io', [from('1.0 alpha'), to('2.0.0')], ['>=1.0-0, <2.0.0'], ['2.0.0']],
    ['white space in Maven', 'Maven', [from('1.0 final'), to('2.0 RC1')], ['>=1.0.alpha <2.0.1.alpha'], undefined],
  ])('%s in %s', async (_, ecosystem, events, vulnerable, patched) => {
    const { dump, report } = await buildOf([{ id: 'X-1', affected: [affected(ecosystem, 'p', events)] }]);
    const [key] = [...dump.keys()].filter((name) => name.endsWith(' | p | X-1'));
    expect(rowOf(dump, key as string)).toEqual({ VulnerableVersions: vulnerable, PatchedVersions: patched });
    expect(report.withheld).toEqual([]);
    expect(Object.keys(lossesOf(report))).toEqual(['boundWidened']);
  });

  it.each<[string, string, JsonObject[], string[]]>([
    ['white space around a version', 'Go', [from(' 1.0.0'), to('V2.0.0\n')], ['>=1.0.0, <v2.0.0']],
    [
      'build metadata that trivy could not parse',
      'npm',
      [from('1.0.0+a_b'), to('2.0.0-rc.1+')],
      ['>=1.0.0, <2.0.0-rc.1'],
    ],
    ['capitals', 'PyPI', [from('V1.0RC1'), to(' 2.0.POST1 ')], ['>=v1.0rc1, <2.0.post1']],
  ])('%s means nothing in %s', async (_, ecosystem, events, vulnerable) => {
    const { dump, report } = await buildOf([{ id: 'X-1', affected: [affected(ecosystem, 'p', events)] }]);
    const [key] = [...dump.keys()].filter((name) => name.endsWith(' | p | X-1'));
    expect(rowOf(dump, key as string)['VulnerableVersions']).toEqual(vulnerable);
    expect(report.losses).toEqual([]);
  });
});

describe('ranges that trivy could not parse', () => {
  const bad = { id: 'PYSEC-2', affected: [affected('PyPI', 'a', [from('0'), to('1')], [from('0'), to('r653')])] };
  const good = { id: 'PYSEC-1', affected: [affected('PyPI', 'b', [from('0'), to('1')])] };

  it('are withheld and listed, and never written', async () => {
    const { dump, report, records } = await buildOf([good, bad]);
    expect(report.withheld).toEqual([
      { record: 'PYSEC-2', code: 'ERR_EXPORT_RANGE_INVALID', pointer: '/affected/0/ranges/1/events/1/fixed' },
    ]);
    expect(records).toBe(1);
    expect([...dump.values()].join()).not.toContain('r653');
    expect([...dump.keys()].filter((key) => key.includes('PYSEC-2'))).toEqual([]);
  });

  it.each<[string, JsonObject, string]>([
    ['npm', affected('npm', 'a', [from('x')]), '/affected/0/ranges/0/events/0/introduced'],
    ['Go', affected('Go', 'a', [from('0'), last('latest')]), '/affected/0/ranges/0/events/1/last_affected'],
    ['Maven', affected('Maven', 'a:b', [from('0'), limit('[1,2)')]), '/affected/0/ranges/0/events/1/limit'],
    ['crates.io', affected('crates.io', 'a', [from('0'), to('^1.0')]), '/affected/0/ranges/0/events/1/fixed'],
    ['PyPI', affected('PyPI', 'a', [from(' '.repeat(160_000)), to('1')]), '/affected/0/ranges/0/events/0/introduced'],
    ['PyPI', affected('PyPI', 'a', [from('0'), to('1'.repeat(257))]), '/affected/0/ranges/0/events/1/fixed'],
  ])('are found in %s', async (_, entry, pointer) => {
    const { report } = await buildOf([{ id: 'X-1', affected: [entry] }]);
    expect(report.withheld).toEqual([{ record: 'X-1', code: 'ERR_EXPORT_RANGE_INVALID', pointer }]);
  });
});
