import { describe, expect, it } from 'vitest';
import type { Instant } from '#core';
import { compilePackages, compileRoots } from '../../../src/artifacts/trivy-merge/scope-names.ts';
import { json, mergeTrees, type Tree } from './fixture.ts';

const GHSA = 'npm::GitHub Security Advisory npm';
const advisory = json({ VulnerableVersions: ['<1'] });

const rated = (severity: string, modified?: string) =>
  json({ Title: 't', Severity: severity, ...(modified === undefined ? {} : { LastModifiedDate: modified }) });

const base: Tree = {
  'Red Hat': { bash: { 'RHSA-1': json({ Entries: [{ Cves: [{ ID: 'CVE-7', Severity: 1 }] }] }) } },
  'Red Hat CPE': { repository: { r: '[0]' } },
  'alpine 3.19': { openssl: { 'CVE-1': '{}' } },
  'alpine 3.20': { openssl: { 'CVE-1': '{}', 'CVE-2': '{}' }, zlib: { 'CVE-2': '{}' } },
  'debian 12': { openssl: { 'CVE-2': json({ Severity: 3 }), 'CVE-3': '{}' } },
  [GHSA]: { lodash: { 'CVE-1': advisory, 'CVE-4': advisory, 'GHSA-5': advisory }, '@a/b': { 'CVE-2': advisory } },
  'data-source': { [GHSA]: '{"ID":"ghsa"}', 'alpine 3.20': '{"ID":"alpine"}', 'debian 12': '{"ID":"debian"}' },
  'seal debian 12': { openssl: { 'CVE-3': '{}' } },
  vulnerability: {
    'CVE-1': rated('HIGH', '2025-01-01T00:00:00Z'),
    'CVE-2': rated('LOW', '2020-01-01T00:00:00Z'),
    'CVE-3': json({ Severity: 'LOW', VendorSeverity: { nvd: 4 }, PublishedDate: '2021-01-01T00:00:00Z' }),
    'CVE-4': rated('UNKNOWN'),
    'CVE-7': rated('MEDIUM', '2024-01-01T00:00:00Z'),
    'CVE-9': rated('CRITICAL'),
  },
};

const rows = (dump: ReadonlyMap<string, string>) => [...dump.keys()];

describe('the scope of a base', () => {
  it('keeps the wanted ecosystems, and the vulnerabilities that they name', async () => {
    const { dump, report } = await mergeTrees(base, undefined, { scope: { ecosystems: ['Alpine:v3.20', 'npm'] } });
    expect(rows(dump)).toEqual([
      'alpine 3.20 | openssl | CVE-1',
      'alpine 3.20 | openssl | CVE-2',
      'alpine 3.20 | zlib | CVE-2',
      'data-source | alpine 3.20',
      'data-source | npm::GitHub Security Advisory npm',
      `${GHSA} | @a/b | CVE-2`,
      `${GHSA} | lodash | CVE-1`,
      `${GHSA} | lodash | CVE-4`,
      `${GHSA} | lodash | GHSA-5`,
      'vulnerability | CVE-1',
      'vulnerability | CVE-2',
      'vulnerability | CVE-4',
    ]);
    const of = (name: string) => report.buckets.find((bucket) => bucket.name === name);
    expect(of('Red Hat CPE')).toMatchObject({ base: 1, kept: 0, leftOut: { ecosystem: { keys: 1, bytes: 4 } } });
    expect(of('vulnerability')).toMatchObject({ base: 6, kept: 3, leftOut: { unreferenced: { keys: 3 } } });
  });

  it('keeps Red Hat whole, whatever the severity and the age', async () => {
    const scope = { minimumSeverity: 'critical', modifiedSince: '2026-01-01T00:00:00Z' as Instant } as const;
    const { dump } = await mergeTrees(base, undefined, { scope });
    expect(rows(dump).filter((row) => row.startsWith('Red Hat') || row.endsWith('CVE-7'))).toEqual([
      'Red Hat | bash | RHSA-1',
      'Red Hat CPE | repository | r',
      'vulnerability | CVE-7',
    ]);
  });

  it('keeps what anybody rates high enough, and what nobody rates', async () => {
    const { dump, report } = await mergeTrees(base, undefined, { scope: { minimumSeverity: 'high' } });
    const kept = rows(dump).filter((row) => !/^(?:data-source|Red Hat|vulnerability)/.test(row));
    expect(kept).toEqual([
      'alpine 3.19 | openssl | CVE-1',
      'alpine 3.20 | openssl | CVE-1',
      'debian 12 | openssl | CVE-2',
      'debian 12 | openssl | CVE-3',
      `${GHSA} | lodash | CVE-1`,
      `${GHSA} | lodash | CVE-4`,
      `${GHSA} | lodash | GHSA-5`,
      'seal debian 12 | openssl | CVE-3',
    ]);
    const alpine = report.buckets.find(({ name }) => name === 'alpine 3.20');
    expect(alpine).toMatchObject({ base: 3, kept: 1, leftOut: { severity: { keys: 2, bytes: 14 } } });
  });

  it('keeps what was changed in time, and what has no date', async () => {
    const since = await mergeTrees(base, undefined, { scope: { modifiedSince: '2022-01-01T00:00:00Z' as Instant } });
    expect(rows(since.dump).filter((row) => row.startsWith('vulnerability'))).toEqual([
      'vulnerability | CVE-1',
      'vulnerability | CVE-4',
      'vulnerability | CVE-7',
    ]);
    const until = await mergeTrees(base, undefined, { scope: { modifiedUntil: '2022-01-01T00:00:00Z' as Instant } });
    expect(rows(until.dump).filter((row) => row.startsWith(GHSA))).toEqual([
      `${GHSA} | @a/b | CVE-2`,
      `${GHSA} | lodash | CVE-4`,
      `${GHSA} | lodash | GHSA-5`,
    ]);
  });

  it('keeps what the base says of an own id, for the union', async () => {
    const own = { 'npm::acme': { x: { 'CVE-9': advisory } }, vulnerability: { 'CVE-9': json({ Severity: 'LOW' }) } };
    const { dump } = await mergeTrees(base, own, { scope: { ecosystems: ['npm'] } });
    expect(dump.get('vulnerability | CVE-9')).toContain('"Title":"t"');
  });

  it('does not let what is left out remove or shadow an own advisory', async () => {
    const own = { 'npm::acme': { lodash: { 'CVE-1': advisory } }, vulnerability: { 'CVE-1': json({}) } };
    expect((await mergeTrees(base, own)).conflicts).toHaveLength(1);
    expect((await mergeTrees(base, own, { scope: { packages: ['@a/*'] } })).conflicts).toEqual([]);
  });

  it.each([
    ['Alpine', ['alpine 3.20', 'alpine edge', 'seal alpine 3.20']],
    ['alpine 3.20', ['alpine 3.20', 'seal alpine 3.20']],
    ['Debian:12', ['debian 12']],
    ['Ubuntu:24.04:LTS', ['ubuntu 24.04']],
    ['Ubuntu:Pro:18.04:LTS', ['ubuntu 18.04-ESM']],
    ['Azure Linux', ['Azure Linux 3.0', 'CBL-Mariner 2.0']],
    ['Azure Linux:2', ['CBL-Mariner 2.0']],
    ['SUSE', ['SUSE Linux Enterprise 15.5', 'SUSE Linux Enterprise Micro 5.3']],
    ['SUSE:Linux Enterprise Server 15 SP5', ['SUSE Linux Enterprise 15.5']],
    ['Red Hat:enterprise_linux:9::baseos', ['Red Hat', 'Red Hat CPE']],
    ['openSUSE:Leap 15.5', ['openSUSE Leap 15.5']],
    ['openSUSE:Leap Micro 5.5', ['openSUSE Leap Micro 5.5']],
    ['SUSE:Linux Enterprise Module for Basesystem 15 SP5', ['SUSE Linux Enterprise 15.5']],
    ['PyPI', ['pip::x']],
    ['pip', ['pip::x']],
    ['crates.io', ['cargo::x', 'seal cargo::x']],
    ['Wolfi', ['wolfi']],
  ])('understands %s', (wanted, roots) => {
    const all = [
      'Azure Linux 3.0',
      'CBL-Mariner 2.0',
      'Red Hat',
      'Red Hat CPE',
      'SUSE Linux Enterprise 15.5',
      'SUSE Linux Enterprise Micro 5.3',
      'alpine 3.20',
      'alpine edge',
      'cargo::x',
      'debian 12',
      'openSUSE Leap 15.5',
      'openSUSE Leap Micro 5.5',
      'pip::x',
      'seal alpine 3.20',
      'seal cargo::x',
      'ubuntu 18.04-ESM',
      'ubuntu 24.04',
      'wolfi',
      'wolfish',
    ];
    expect(all.filter(compileRoots([wanted]))).toEqual(roots);
  });

  it('finds packages by any spelling that the ecosystem knows', () => {
    const wants = compilePackages(['My_Package', 'Newtonsoft.*']);
    expect(wants('pip::x', 'my-package')).toBe(true);
    expect(wants('nuget::x', 'newtonsoft.json')).toBe(true);
    expect(wants('nuget::x', 'Newtonsoft.Json')).toBe(true);
    expect(wants('debian 12', 'my-package')).toBe(false);
  });
});
