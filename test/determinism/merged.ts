import { join } from 'node:path';
import type { JsonObject } from '#core';
import { json, type Tree, writeTree } from '../artifacts/trivy-merge/fixture.ts';

/** A release of each operating system, with versions of its grammar. */
const SYSTEMS: readonly (readonly [ecosystem: string, introduced: string, fixed: string])[] = [
  ['Alpine:v3.20', '3.1.0-r0', '3.3.1-r0'],
  ['Debian:12', '0', '1:2.36-9+deb12u4'],
  ['Ubuntu:Pro:18.04:LTS', '0', '2.27-3ubuntu1.6+esm1'],
  ['Echo', '0', '1.2.3-4'],
  ['AlmaLinux:9', '0', '0:3.0.7-16.el9_2'],
  ['Rocky Linux:9', '0', '1:3.0.7-16.el9_2'],
  ['SUSE:Linux Enterprise Server 15 SP5', '0', '5.14.21-150500.55.7.1'],
  ['openSUSE:Leap 15.5', '0', '2.0.10-150500.1.1'],
  ['Photon OS:4.0', '0', '1.1.1k-5.ph4'],
  ['Azure Linux:3', '0', '2.9.1-3.azl3'],
  ['Bottlerocket', '0', '1.19.0-1'],
  ['Wolfi', '0', '8.5.0-r1'],
  ['Chainguard', '0', '8.5.0-r1'],
  ['MinimOS', '0', '8.5.0-r1'],
];

const ownOf = (id: string, cve: string, more: JsonObject): JsonObject => ({
  id,
  modified: '2026-02-01T00:00:00Z',
  aliases: [cve],
  summary: `${id} – ünïcode`,
  ...more,
});

const languages: readonly JsonObject[] = [
  ownOf('ACME-2026-1', 'CVE-2026-1', {
    affected: [
      { package: { ecosystem: 'npm', name: 'both' }, ranges: [{ type: 'SEMVER', events: rangeOf('0', '2.0.0') }] },
    ],
    database_specific: { severity: 'CRITICAL', kev: true },
  }),
  ownOf('ACME-2026-2', 'CVE-2026-2', {
    affected: [
      { package: { ecosystem: 'NuGet', name: 'Acme.Web' }, ranges: [{ type: 'ECOSYSTEM', events: rangeOf('0', '3') }] },
    ],
    severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N' }],
  }),
];

function rangeOf(introduced: string, fixed: string): JsonObject[] {
  return [{ introduced }, { fixed }];
}

/** Own records on each operating system and on languages, by name of file. */
export const ownRecords: Readonly<Record<string, JsonObject>> = Object.fromEntries(
  [
    ...SYSTEMS.map(([ecosystem, introduced, fixed], i) =>
      ownOf(`OWN-${i}`, `CVE-2026-${(i % 3) + 1}`, {
        affected: [
          {
            package: { ecosystem, name: 'package' },
            ranges: [{ type: 'ECOSYSTEM', events: rangeOf(introduced, fixed) }],
          },
        ],
      }),
    ),
    ...languages,
  ].map((record) => [`${String(record['id'])}.json`, record]),
);

const OFFICIAL: Tree = {
  'Red Hat': { bash: { 'RHSA-2026:1': json({ Entries: [{ FixedVersion: '0:5.1.8-9.el9', Affected: [0] }] }) } },
  'Red Hat CPE': { cpe: { '0': '"cpe:/o:redhat:enterprise_linux:9::baseos"' } },
  'alpine 3.20': { package: { 'CVE-2026-1': json({ FixedVersion: '3.3.0-r0' }), 'CVE-2026-9': '' } },
  'data-source': { 'alpine 3.20': json({ ID: 'alpine', Name: 'Alpine Secdb', URL: 'https://secdb.alpinelinux.org/' }) },
  'npm::zeta': { both: { 'CVE-2026-1': json({ VulnerableVersions: ['<1'] }) } },
  vulnerability: {
    'CVE-2026-1': json({ Title: 'one', Severity: 'LOW', References: ['https://example.com/1'] }),
    'CVE-2026-9': json({ Title: 'nine' }),
  },
};

/** Writes a database as others would have built it. */
export async function writeOfficial(folder: string): Promise<string> {
  return writeTree(join(folder, 'trivy.db'), OFFICIAL);
}

/** What exports are given that merge the own records. */
export const mergeArgs = (base: string): readonly string[] => [
  ...['--base-db', base, '--valid-for', '12h', '--source-precedence', 'acme,alpine'],
  ...['--data-source', 'ACME-=acme,Acme,https://acme.example/'],
];
