import { expect, test } from 'vitest';
import type { JsonObject } from '#core';
import { describePeers } from '../../peers/peers.ts';
import { affected } from './fixture.ts';
import { type Inventory, scanWithStockTrivy } from './stock-trivy.ts';

const until = (ecosystem: string, name: string, fixed: string): JsonObject =>
  affected(ecosystem, name, [{ introduced: '0' }, { fixed }]);
const between = (ecosystem: string, name: string, introduced: string, fixed: string): JsonObject =>
  affected(ecosystem, name, [{ introduced }, { fixed }]);
const installedOf = async (records: readonly JsonObject[], inventory: Inventory, command?: 'fs' | 'rootfs') =>
  (await scanWithStockTrivy(records, inventory, command)).map(({ installed }) => installed).sort();

describePeers(['trivy'], 'stock Trivy', () => {
  test('reports what either of two records of one source on one CVE affects, and no fix that one of them affects', async () => {
    const records = [
      { id: 'ACME-1', aliases: ['CVE-2026-1'], affected: [between('npm', 'twin', '1.0.0', '1.8.4')] },
      { id: 'ACME-2', aliases: ['CVE-2026-1'], affected: [between('npm', 'twin', '1.8.0', '2.3.1')] },
      { id: 'ACME-3', upstream: ['CVE-2026-1'], affected: [{ ...until('npm', 'twin', '0.1.0'), versions: ['3.0.0'] }] },
    ];
    const versions = ['0.0.9', '0.2.0', '1.2.0', '1.8.4', '2.2.0', '2.3.1', '3.0.0', '3.0.1'];
    const found = await scanWithStockTrivy(
      records,
      versions.map((version) => `npm/twin@${version}`),
    );
    expect(found.map(({ installed }) => installed).sort()).toEqual(
      ['0.0.9', '1.2.0', '1.8.4', '2.2.0', '3.0.0'].map((version) => `twin ${version}`),
    );
    for (const { id, vendorIds, fixed } of found) {
      expect([id, vendorIds, fixed]).toEqual(['CVE-2026-1', ['ACME-1', 'ACME-2', 'ACME-3'], '2.3.1, 0.1.0']);
    }
  });

  test('rates a vulnerability that two records of one source describe by the more severe of them', async () => {
    const rated = (id: string, severity: string) => ({
      id,
      aliases: ['CVE-2026-2'],
      affected: [until('PyPI', 'rated', '2.0')],
      database_specific: { severity },
    });
    for (const severities of [
      ['HIGH', 'LOW'],
      ['LOW', 'HIGH'],
    ]) {
      const records = severities.map((severity, i) => rated(`GHSA-aaaa-aaaa-aaa${i}`, severity));
      const found = await scanWithStockTrivy(records, ['pypi/rated@1.0']);
      expect(found.map(({ severity }) => severity)).toEqual(['HIGH']);
    }
  });

  test.each([
    ['Go', 'golang/example.test/shared', 'GO-2026-1', 'v'],
    ['npm', 'npm/shared', 'GHSA-bbbb-bbbb-bbbb', ''],
    ['PyPI', 'pypi/shared', 'PYSEC-2026-1', ''],
    ['PyPI', 'pypi/shared', 'GHSA-bbbb-bbbb-bbbb', ''],
    ['Maven', 'maven/example.test/shared', 'GHSA-bbbb-bbbb-bbbb', ''],
    ['crates.io', 'cargo/shared', 'RUSTSEC-2026-0001', ''],
  ])('of %s reports what the wider of a public and a private record affects: %s, %s', async (osv, purl, id, v) => {
    const name = osv === 'Maven' ? 'example.test:shared' : purl.slice(purl.indexOf('/') + 1);
    const pair = (publicFix: string, privateFix: string) => [
      { id, aliases: ['CVE-2026-3'], affected: [until(osv, name, publicFix)] },
      { id: 'ACME-1', aliases: ['CVE-2026-3'], affected: [until(osv, name, privateFix)] },
    ];
    for (const records of [pair('1.2.0', '1.4.0'), pair('1.4.0', '1.2.0')]) {
      const found = await scanWithStockTrivy(records, [`${purl}@${v}1.3.0`, `${purl}@${v}1.2.0`, `${purl}@${v}1.4.0`]);
      expect(found.map(({ installed }) => installed.split(' ')[1]).sort()).toEqual([`${v}1.2.0`, `${v}1.3.0`]);
      for (const { vendorIds, fixed } of found) {
        expect([...vendorIds].sort()).toEqual(['ACME-1', id].sort());
        expect(fixed).toBe('1.4.0');
      }
    }
  });

  test('finds a package of PyPI in whatever spelling its files have', async () => {
    const records = ['acme.billing', 'acme-ledger', 'Acme__Odd-._Name', 'acme-a_b.c-d'].map((name, i) => ({
      id: `ACME-${i}`,
      affected: [until('PyPI', name, '2.0')],
    }));
    const requirements = [
      'acme.billing',
      'Acme-Billing',
      'ACME_billing',
      'acme.ledger',
      'acme_ledger',
      'Acme-Odd-Name',
      'Acme.Odd.Name',
      'Acme__Odd-._Name',
      'acme.a.b-c-d',
      'acme-a-b-c-d',
      'acme.a.b.c.d',
    ];
    const text = requirements.map((name) => `${name}==1.0\n`).join('');
    expect(await installedOf(records, { 'requirements.txt': text })).toEqual(
      requirements.map((name) => `${name} 1.0`).sort(),
    );
    const locked = (name: string) => `[[package]]\nname = "${name}"\nversion = "1.0"\n`;
    const poetry = ['acme.ledger', 'acme-billing'].map((name) => `${locked(name)}optional = false\n`).join('\n');
    expect(await installedOf(records, { 'poetry.lock': `${poetry}\n[metadata]\nlock-version = "2.0"\n` })).toEqual([
      'acme-billing 1.0',
      'acme.ledger 1.0',
    ]);
    const pipfile = { _meta: { sources: [] }, default: { 'acme.ledger': { version: '==1.0' } }, develop: {} };
    expect(await installedOf(records, { 'Pipfile.lock': JSON.stringify(pipfile) })).toEqual(['acme.ledger 1.0']);
    const metadata = 'Metadata-Version: 2.1\nName: Acme.Ledger\nVersion: 1.0\n';
    const installed = { 'usr/lib/python3/site-packages/Acme.Ledger-1.0.dist-info/METADATA': metadata };
    expect(await installedOf(records, installed, 'rootfs')).toEqual(['Acme.Ledger 1.0']);
    expect(await installedOf(records, ['pypi/acme.ledger@1.0', 'pypi/acme-billing@1.0'])).toEqual([
      'acme-billing 1.0',
      'acme.ledger 1.0',
    ]);
  });

  test('finds a crate whose record has the other separator', async () => {
    const records = [{ id: 'ACME-1', affected: [until('crates.io', 'acme_parse-core', '2.0.0')] }];
    const found = await installedOf(records, ['cargo/acme-parse-core@1.0.0', 'cargo/acme_parse_core@1.0.0']);
    expect(found).toEqual(['acme-parse-core 1.0.0', 'acme_parse_core 1.0.0']);
  });

  test('shows the severity that --min-severity goes by', async () => {
    const vector = (type: string, score: string) => ({ severity: [{ type, score }] });
    const rated: Record<string, JsonObject> = {
      word: { database_specific: { severity: 'Important' } },
      least: { database_specific: { severity: 'negligible' } },
      v2: vector('CVSS_V2', 'AV:N/AC:M/Au:N/C:C/I:C/A:C'),
      both: {
        ...vector('CVSS_V3', 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:L/A:N'),
        database_specific: { severity: 'CRITICAL' },
      },
    };
    const records = Object.entries(rated).map(([name, members]) => {
      return { id: `ACME-${name}`, affected: [until('npm', name, '2.0.0')], ...members };
    });
    const inPackage = { ...until('npm', 'part', '2.0.0'), database_specific: { severity: 'HIGH' } };
    const found = await scanWithStockTrivy(
      [...records, { id: 'ACME-part', affected: [inPackage] }],
      [...Object.keys(rated), 'part'].map((name) => `npm/${name}@1.0.0`),
    );
    const severities = Object.fromEntries(found.map(({ installed, severity }) => [installed.split(' ')[0], severity]));
    expect(severities).toEqual({ word: 'HIGH', least: 'LOW', v2: 'HIGH', both: 'CRITICAL', part: 'HIGH' });
  });

  test('reports a record that mentions a rejected id', async () => {
    const records = [
      {
        id: 'ACME-1',
        aliases: ['CVE-2026-4'],
        details: 'NVD: "** REJECT **", yet real.',
        affected: [until('npm', 'a', '2.0.0')],
      },
      { id: 'ACME-2', details: 'Rejected reason: upstream wants no CVE.', affected: [until('npm', 'b', '2.0.0')] },
    ];
    const found = await scanWithStockTrivy(records, ['npm/a@1.0.0', 'npm/b@1.0.0']);
    expect(found.map(({ id }) => id).sort()).toEqual(['ACME-2', 'CVE-2026-4']);
  });

  test('shows what a record carries of KEV and EPSS, and whose rating it cites', async () => {
    const custom = { epss: { epss: 0.97565, percentile: 0.99992 }, kev: { dateAdded: '2026-03-04' } };
    const vector = 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H';
    const records = [
      {
        id: 'ACME-1',
        affected: [until('npm', 'decorated', '2.0.0')],
        database_specific: custom,
        severity: [{ type: 'CVSS_V3', score: vector, source: 'NVD' }],
      },
    ];
    const [found] = await scanWithStockTrivy(records, ['npm/decorated@1.0.0']);
    expect(found).toMatchObject({ custom, severity: 'CRITICAL', rated: 'nvd' });
  });

  test('reports what the source that takes precedence says, as that source’s', async () => {
    const acme = { prefix: 'ACME-', id: 'acme', name: 'Acme Advisories', url: 'https://acme.example/' };
    const records = [
      { id: 'ACME-1', aliases: ['CVE-2026-5'], affected: [until('npm', 'p', '1.4.0')] },
      { id: 'GHSA-1', aliases: ['CVE-2026-5'], affected: [until('npm', 'p', '1.6.0')] },
    ];
    const inventory = ['npm/p@1.3.0', 'npm/p@1.5.0'];
    for (const [first, fixed, installed] of [
      ['acme', '1.4.0', ['p 1.3.0']],
      ['ghsa', '1.6.0', ['p 1.3.0', 'p 1.5.0']],
    ] as const) {
      const options = { dataSources: [acme], sourcePrecedence: [first] };
      const found = await scanWithStockTrivy(records, inventory, 'fs', options);
      expect(found.map((each) => each.installed).sort()).toEqual(installed);
      for (const each of found) expect([each.source, each.fixed]).toEqual([first, fixed]);
    }
  });
});
