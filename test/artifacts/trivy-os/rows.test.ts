import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import type { TrivyDbOptions } from '#artifacts';
import type { JsonObject } from '#core';
import { apkGrammar, debGrammar, rpmGrammar, type VersionGrammar } from '#versions';
import { ecosystemOfTrivy } from '../../../src/artifacts/ecosystems.ts';
import { operatingSystems, osEcosystemOf } from '../../../src/artifacts/os-ecosystems.ts';
import { readJson } from '../../core/read-json.ts';
import { affected, buildOf, lossesOf, rowOf } from '../trivy/fixture.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/formats/trivy-os.md'), 'utf8');
const since = (...events: readonly JsonObject[]): JsonObject[] => [{ introduced: '0' }, ...events];
const record = (id: string, ...entries: readonly JsonObject[]): JsonObject => ({
  id,
  upstream: ['CVE-2026-1'],
  affected: entries,
});
const rows = async (...records: readonly JsonObject[]) => {
  const { dump, report } = await buildOf(records);
  return { dump, losses: lossesOf(report), withheld: report.withheld };
};

describe('the table of operating systems in docs/formats', () => {
  const GRAMMARS = new Map<VersionGrammar, string>([
    [apkGrammar, 'apk'],
    [debGrammar, 'deb'],
    [rpmGrammar, 'rpm'],
  ]);
  const [, section = ''] = page.split('\n## Table\n');
  const lines = (section.split('\n## ', 1)[0] ?? '').split('\n').filter((line) => line.startsWith('| `'));
  const table = lines.map((line) =>
    line
      .slice(2, -2)
      .split(' | ')
      .map((cell) => cell.replaceAll('`', '')),
  );

  it('has a row for each bucket, with grammar, source and what is reported', () => {
    const shown = table.map(([, bucket = '', key = '', grammar, unfixed, source]) => {
      return {
        bucket,
        isBySource: key.startsWith('source'),
        isModular: key.includes('module'),
        grammar,
        unfixed,
        source,
      };
    });
    expect(shown).toHaveLength(operatingSystems.length);
    for (const [i, { bucket, grammar, reportsUnfixed, isByBinary, isModular, source }] of operatingSystems.entries()) {
      expect(shown[i]?.bucket.startsWith(bucket)).toBe(true);
      expect(shown[i]).toMatchObject({
        grammar: GRAMMARS.get(grammar),
        isBySource: !isByBinary,
        isModular,
        unfixed: reportsUnfixed ? 'yes' : 'no',
        source: source.id,
      });
    }
  });

  it.each(table.map(([osv = '', bucket = '']) => [osv, bucket]))('%s is the bucket %s', (osv, bucket) => {
    for (const name of osv.split(', ')) {
      expect(osEcosystemOf(name)?.trivy, name).toBe(bucket);
    }
    expect(ecosystemOfTrivy(bucket).grammar).toBe(osEcosystemOf(osv.split(', ')[0] ?? '')?.grammar);
  });
});

test('releases that trivy has no bucket for are not carried', () => {
  const names =
    'Debian, Debian:sid, Alpine, Alpine:v3, Ubuntu:Pro:FIPS:20.04:LTS, Ubuntu:22.04:LTS:for:NVIDIA:BlueField'
      .split(', ')
      .concat(['Wolfi:1', 'SUSE:Manager Server 4.3', 'SUSE:Linux Enterprise Storage 7', 'openSUSE:Leap Micro 5.5'])
      .concat([
        'SUSE:Linux Enterprise Micro for Rancher 5.3',
        'Red Hat:enterprise_linux:9',
        `Debian:${'1'.repeat(300)}`,
      ]);
  for (const name of names) expect(osEcosystemOf(name), name).toBeUndefined();
});

test('one range up to a fix is a fixed version under the CVE, with the erratum beside it', async () => {
  const entry = affected('Debian:12', 'openssl', since({ fixed: '3.0.11-1' }));
  const { dump, losses } = await rows({ ...record('DSA-1-1', entry), aliases: ['DSA-1'] });
  expect(dump.get('debian 12 | openssl | CVE-2026-1')).toBe(
    '{"FixedVersion":"3.0.11-1","VendorIDs":["DSA-1","DSA-1-1"]}',
  );
  expect(dump.get('data-source | debian 12')).toBe(
    '{"ID":"debian","Name":"Debian Security Tracker","URL":"https://salsa.debian.org/security-tracker-team/security-tracker"}',
  );
  expect([...dump.keys()].filter((key) => key.startsWith('vulnerability'))).toEqual(['vulnerability | CVE-2026-1']);
  expect(losses).toEqual({});
});

test.each([
  ['upstream', { upstream: ['CVE-2026-1'], related: ['CVE-2026-9'] }, ['CVE-2026-1']],
  ['related, where it is all', { related: ['CVE-2026-8', 'RHSA-1', 'CVE-2026-9'] }, ['CVE-2026-8', 'CVE-2026-9']],
  ['GitHub’s, where no CVE is', { upstream: ['GHSA-a', 'X-1'] }, ['GHSA-a']],
  ['its own, where nothing is', {}, ['CGA-1']],
])('a record of an operating system stands under %s', async (_, members, ids) => {
  const entry = affected('Wolfi', 'openssl', since({ fixed: '3.0-r1' }));
  const { dump } = await rows({ id: 'CGA-1', affected: [entry], ...members });
  const found = [...dump.keys()].filter((key) => key.startsWith('wolfi | '));
  expect(found).toEqual(ids.map((id) => `wolfi | openssl | ${id}`));
});

test('a bucket behind that of vulnerabilities is written in order', async () => {
  const entry = (name: string) => affected('Wolfi', name, since({ fixed: '1-r1' }));
  const { dump } = await rows(record('CGA-1', entry('a')), { id: 'CGA-2', affected: [entry('b')] });
  expect([...dump.keys()].map((key) => key.split(' | ')[0])).toEqual([
    'data-source',
    'vulnerability',
    'vulnerability',
    'wolfi',
    'wolfi',
  ]);
});

describe('ranges', () => {
  it.each([
    [
      'several',
      'Debian:12',
      [since({ fixed: '1' }), [{ introduced: '2' }, { fixed: '3' }]],
      '{"FixedVersion":"3"}',
      'rangesWidened',
    ],
    [
      'several that meet',
      'Debian:12',
      [since({ fixed: '2' }), [{ introduced: '2' }, { fixed: '3' }]],
      '{"FixedVersion":"3"}',
      '',
    ],
    [
      'one that begins later',
      'AlmaLinux:9',
      [[{ introduced: '2' }, { fixed: '3' }]],
      '{"FixedVersion":"3"}',
      'rangesWidened',
    ],
    [
      'one that begins later, of Alpine',
      'Alpine:v3.20',
      [[{ introduced: '2' }, { fixed: '3' }]],
      '{"AffectedVersion":"2","FixedVersion":"3"}',
      '',
    ],
    ['no fix', 'Ubuntu:22.04:LTS', [since()], '{}', ''],
    ['no fix, where none is reported', 'Wolfi', [since()], undefined, 'unfixedNotCarried'],
    ['a last version', 'Azure Linux:3', [since({ last_affected: '3' })], '{}', 'rangesWidened'],
    [
      'a last version, where none is reported',
      'SUSE:Linux Enterprise Server 15 SP5',
      [since({ last_affected: '3' })],
      undefined,
      'unfixedNotCarried',
    ],
    ['a fix and no fix', 'Debian:12', [since({ fixed: '1' }), [{ introduced: '2' }]], '{}', 'rangesWidened'],
    [
      'a fix and no fix, where that is not reported',
      'Wolfi',
      [since({ fixed: '1' }), [{ introduced: '2' }]],
      '{"FixedVersion":"1"}',
      'unfixedNotCarried',
    ],
    [
      'a last version below a fix',
      'Wolfi',
      [since({ last_affected: '1' }), [{ introduced: '1' }, { fixed: '2' }]],
      '{"FixedVersion":"2"}',
      '',
    ],
    ['one version', 'Debian:12', [[{ introduced: '1' }, { last_affected: '1' }]], '{}', 'rangesWidened'],
  ] as const)('%s (%s)', async (_, osv, ranges, row, reason) => {
    const { dump, losses } = await rows({
      id: 'CVE-2026-1',
      affected: [affected(osv, 'p', ...ranges.map((range) => [...range]))],
    });
    expect(dump.get(`${osEcosystemOf(osv)?.trivy} | p | CVE-2026-1`)).toBe(row);
    const expected = reason === '' ? {} : { [reason]: '1: CVE-2026-1 1 /affected/0' };
    expect(losses).toEqual(row === undefined ? { ...expected, nothingCarried: '1: CVE-2026-1 1' } : expected);
  });

  it('of several entries and records of one package and id are one row: the highest fix, or none', async () => {
    const until = (fixed: string) => affected('SUSE:Linux Enterprise Server 15 SP5', 'p', since({ fixed }));
    const module = affected('SUSE:Linux Enterprise Module for Basesystem 15 SP5', 'p', since({ fixed: '1.10-1' }));
    const { dump, losses } = await rows(
      record('SUSE-SU-1', until('1.9-1'), module),
      record('SUSE-SU-2', until('1.2-1')),
    );
    expect(dump.get('SUSE Linux Enterprise 15.5 | p | CVE-2026-1')).toBe(
      '{"FixedVersion":"1.10-1","VendorIDs":["SUSE-SU-1","SUSE-SU-2"]}',
    );
    const unfixed = await rows(
      record('A-1', affected('Debian:12', 'p', since({ fixed: '1' }))),
      record('A-2', affected('Debian:12', 'p', since())),
    );
    expect(unfixed.dump.get('debian 12 | p | CVE-2026-1')).toBe('{"VendorIDs":["A-1","A-2"]}');
    expect([losses, unfixed.losses]).toEqual([{}, {}]);
  });

  it('of records that leave a gap between them are listed', async () => {
    const range = (introduced: string, fixed: string) => affected('Alpine:edge', 'p', [{ introduced }, { fixed }]);
    const { dump, losses } = await rows(record('A-1', range('1', '2')), record('A-2', range('3', '4')));
    expect(rowOf(dump, 'alpine edge | p | CVE-2026-1')).toMatchObject({ AffectedVersion: '1', FixedVersion: '4' });
    expect(losses).toEqual({ rangesWidened: '2: A-1 1 /affected, A-2 1 /affected' });
  });
});

test('listed versions that no range reports are left out and listed', async () => {
  const only = { package: { ecosystem: 'Debian:12', name: 'only' }, versions: ['1.0-1', '2.0-1'] };
  const beside = { ...affected('Debian:12', 'beside', since({ fixed: '2' })), versions: ['1', '2', '3', 'v9'] };
  const { dump, losses } = await rows(record('A-1', beside, only, affected('Debian:12', 'none')));
  expect([...dump.keys()].filter((key) => key.startsWith('debian'))).toEqual(['debian 12 | beside | CVE-2026-1']);
  expect(losses).toEqual({
    affectedWithoutVersions: '1: A-1 1 /affected/2',
    versionNotComparable: '1: A-1 1 /affected/0/versions/3',
    versionsNotCarried: '4: A-1 4 /affected/0/versions/1',
  });
});

test('a record with a version that trivy could not compare is withheld whole', async () => {
  const good = affected('Echo', 'good', since({ fixed: '1.0-1' }));
  const { dump, withheld } = await rows(record('A-1', good, affected('Echo', 'bad', since({ fixed: 'soon' }))));
  expect([...dump.keys()]).toEqual(['vulnerability']);
  expect(withheld).toEqual([
    { record: 'A-1', code: 'ERR_EXPORT_RANGE_INVALID', pointer: '/affected/1/ranges/0/events/1/fixed' },
  ]);
});

test('packages of modules stand behind the module that the title names', async () => {
  const entry = affected('AlmaLinux:8', 'npm', since({ fixed: '1:10.8.2-1.module_el8.10.0+3' }));
  const plain = affected('AlmaLinux:8', 'nginx', since({ fixed: '0:1.2-3.el8' }));
  const { dump, losses } = await rows(
    { ...record('ALSA-1', entry, plain), summary: 'Important: nodejs:20 and virt-devel:rhel security update' },
    { ...record('ALSA-2', entry), summary: 'Important: nodejs security update' },
  );
  expect([...dump.keys()].filter((key) => key.startsWith('alma'))).toEqual([
    'alma 8 | nginx | CVE-2026-1',
    'alma 8 | nodejs:20::npm | CVE-2026-1',
    'alma 8 | virt-devel:rhel::npm | CVE-2026-1',
  ]);
  expect(rowOf(dump, 'alma 8 | nginx | CVE-2026-1')).toMatchObject({ FixedVersion: '1.2-3.el8' });
  expect(losses).toEqual({ moduleNotCarried: '1: ALSA-2 1 /affected/0', nothingCarried: '1: ALSA-2 1' });
});

test('records of SUSE are rows of the installed packages that they name, each with its version', async () => {
  const entry = (...binaries: JsonObject[]) => ({
    ...affected('SUSE:Linux Enterprise Micro 5.3', 'kernel', since({ fixed: '5.14-1' })),
    ecosystem_specific: { binaries },
  });
  const { dump, losses } = await rows(
    record(
      'SUSE-SU-1',
      entry({ 'kernel-default': '5.14-1', 'kernel-base': '5.14-1.2.3' }, { 'kernel-base': '5.14-1.2.1' }),
    ),
  );
  const shown = [...dump].filter(([key]) => key.startsWith('SUSE'));
  expect(shown.map(([key, row]) => `${key} ${row}`)).toEqual([
    'SUSE Linux Enterprise Micro 5.3 | kernel-base | CVE-2026-1 {"FixedVersion":"5.14-1.2.3","VendorIDs":["SUSE-SU-1"]}',
    'SUSE Linux Enterprise Micro 5.3 | kernel-default | CVE-2026-1 {"FixedVersion":"5.14-1","VendorIDs":["SUSE-SU-1"]}',
  ]);
  expect(losses).toEqual({});
  const odd = await rows(record('SUSE-SU-2', entry({ a: '...' })), record('SUSE-SU-3', entry({ a: 1 })));
  expect(odd.withheld).toMatchObject([{ record: 'SUSE-SU-2', pointer: '/affected/0/ecosystem_specific/binaries' }]);
  expect([...odd.dump.keys()].filter((key) => key.startsWith('SUSE'))).toEqual([
    'SUSE Linux Enterprise Micro 5.3 | kernel | CVE-2026-1',
  ]);
  const ubuntu = {
    ...affected('Ubuntu:22.04:LTS', 'vips', since()),
    ecosystem_specific: { binaries: [{ libvips42: '8' }] },
  };
  const { dump: other } = await rows(record('USN-1', ubuntu));
  expect([...other.keys()]).toContain('ubuntu 22.04 | vips | CVE-2026-1');
});

test('source packages of Rocky Linux are rows, and listed since their installed packages are not named', async () => {
  const entry = affected('Rocky Linux:9', 'openssl', since({ fixed: '1:3.0-1' }));
  const { dump, losses } = await rows(record('RLSA-1', entry), record('ACME-1', entry));
  expect([...dump.keys()]).toContain('rocky 9 | openssl | CVE-2026-1');
  expect(losses).toEqual({ binariesNotNamed: '1: RLSA-1 1 /affected/0' });
});

test('errata that fix no vulnerability, and Red Hat’s, are left out and listed', async () => {
  const entry = affected('AlmaLinux:9', 'p', since({ fixed: '1' }));
  const { dump, losses } = await rows(
    { id: 'ALBA-1', affected: [entry] },
    { id: 'ALBA-2', related: ['CVE-2026-2'], affected: [entry] },
    record('RHSA-1', affected('Red Hat:enterprise_linux:9::baseos', 'p', since({ fixed: '1' }))),
  );
  expect([...dump.keys()].filter((key) => key.startsWith('alma'))).toEqual(['alma 9 | p | CVE-2026-2']);
  expect(losses).toEqual({
    bugFixOnly: '1: ALBA-1 1',
    nothingCarried: '1: RHSA-1 1',
    redHatNotCarried: '1: RHSA-1 1 /affected/0',
  });
});

test('Debian’s urgency is the severity of the row, the highest of several', async () => {
  const entry = (urgency: string) => ({
    ...affected('Debian:12', 'p', since({ fixed: '1' })),
    ecosystem_specific: { urgency },
  });
  const { dump } = await rows(record('A-1', entry('low**')), record('A-2', entry('high')));
  expect(rowOf(dump, 'debian 12 | p | CVE-2026-1')).toMatchObject({ Severity: 3 });
  const other = await rows(record('A-1', entry('not yet assigned')));
  expect(rowOf(other.dump, 'debian 12 | p | CVE-2026-1')['Severity']).toBeUndefined();
  const ubuntu = { ...affected('Ubuntu:22.04:LTS', 'p', since()), ecosystem_specific: { urgency: 'high' } };
  expect(rowOf((await rows(record('A-1', ubuntu))).dump, 'ubuntu 22.04 | p | CVE-2026-1')['Severity']).toBeUndefined();
});

test('sources share the bucket of a release; the one that takes precedence decides', async () => {
  const acme = { prefix: 'ACME-', id: 'acme', name: 'Acme', url: 'https://acme.example/' };
  const records = [
    record('ACME-1', affected('Debian:12', 'p', since({ fixed: '1' }))),
    record('DSA-1-1', affected('Debian:12', 'p', since({ fixed: '2' }))),
  ];
  for (const [sourcePrecedence, fixed] of [
    [['acme'], '1'],
    [['debian'], '2'],
    [undefined, '2'],
  ] as const) {
    const { dump } = await buildOf(records, { dataSources: [acme], sourcePrecedence });
    expect(rowOf(dump, 'debian 12 | p | CVE-2026-1')).toMatchObject({ FixedVersion: fixed });
    expect(rowOf(dump, 'data-source | debian 12')).toMatchObject({ ID: 'debian' });
  }
  const all = { ...acme, prefix: '', ecosystem: 'Debian' };
  const { dump } = await buildOf(records, { dataSources: [all] });
  expect(rowOf(dump, 'data-source | debian 12')).toMatchObject({ ID: 'acme' });
});

test('a selection may name a release, or all of a system', async () => {
  const values = [record('A-1', affected('Debian:12', 'p', since()), affected('Debian:11', 'p', since()))];
  const buckets = async (ecosystem: string) => {
    const { dump } = await buildOf(values, { packages: { ecosystems: [ecosystem] } });
    return [...dump.keys()].filter((key) => key.startsWith('debian')).map((key) => key.split(' | ')[0]);
  };
  expect(await buckets('Debian')).toEqual(['debian 11', 'debian 12']);
  expect(await buckets('Debian:12')).toEqual(['debian 12']);
});

describe('a release of Ubuntu with extended support and without it', () => {
  const fix = (osv: string, fixed?: string) => affected(osv, 'systemd', since(...(fixed ? [{ fixed }] : [])));
  const [LTS, PRO] = ['Ubuntu:16.04:LTS', 'Ubuntu:Pro:16.04:LTS'];
  const rowsOf = async (entries: readonly JsonObject[], packages?: TrivyDbOptions['packages']) => {
    const { dump } = await buildOf([record('U-1', ...entries)], packages && { packages });
    const found = [...dump].filter(([key]) => /^ubuntu .* CVE/.test(key));
    return found.map(
      ([key, value]) => `${key.split(' | ')[0]} ${(readJson(value) as JsonObject)['FixedVersion'] ?? 'unfixed'}`,
    );
  };

  it.each([
    ['a fix of the release is one of ESM', [fix(LTS, '4')], ['ubuntu 16.04 4', 'ubuntu 16.04-ESM 4']],
    [
      'a fix of ESM alone is missing in the release',
      [fix(PRO, '4+esm1')],
      ['ubuntu 16.04 4+esm1', 'ubuntu 16.04-ESM 4+esm1'],
    ],
    ['what ESM has not fixed, the release has not', [fix(PRO)], ['ubuntu 16.04 unfixed', 'ubuntu 16.04-ESM unfixed']],
    ['what the release has not fixed may not be in ESM', [fix(LTS)], ['ubuntu 16.04 unfixed']],
    ['a record may name both', [fix(LTS), fix(PRO, '4+esm1')], ['ubuntu 16.04 unfixed', 'ubuntu 16.04-ESM 4+esm1']],
    [
      'interim releases have no ESM',
      [fix('Ubuntu:25.04', '4'), fix('Ubuntu:24.10', '4')],
      ['ubuntu 24.10 4', 'ubuntu 25.04 4'],
    ],
  ])('%s', async (_, entries, expected) => {
    expect(await rowsOf(entries)).toEqual(expected);
  });

  it('have only the rows that are asked for', async () => {
    expect(await rowsOf([fix(LTS, '4')], { ecosystems: [LTS] })).toEqual(['ubuntu 16.04 4']);
  });
});
