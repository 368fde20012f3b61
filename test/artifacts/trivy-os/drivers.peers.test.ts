import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#core';
import { osEcosystemOf } from '../../../src/artifacts/os-ecosystems.ts';
import { describePeers, runPeer } from '../../peers/peers.ts';
import { affected, buildOf, lossesOf } from '../trivy/fixture.ts';
import { SystemInventory, scanWithDatabase, scanWithStockTrivy } from '../trivy/stock-trivy.ts';

/** A release: how OSV names it, how trivy does in an SBOM, and how a purl names its packages. */
interface Driver {
  readonly osv: string;
  readonly system: readonly [family: string, release: string];
  readonly purl: string;
  readonly library: 'apk' | 'deb' | 'rpm';
  readonly source: string;
}

const drivers: readonly Driver[] = [
  { osv: 'Alpine:v3.20', system: ['alpine', '3.20.3'], purl: 'apk/alpine', library: 'apk', source: 'alpine' },
  { osv: 'Wolfi', system: ['wolfi', '20230201'], purl: 'apk/wolfi', library: 'apk', source: 'wolfi' },
  {
    osv: 'Chainguard',
    system: ['chainguard', '20230214'],
    purl: 'apk/chainguard',
    library: 'apk',
    source: 'chainguard',
  },
  { osv: 'MinimOS', system: ['minimos', '20241031'], purl: 'apk/minimos', library: 'apk', source: 'minimos' },
  { osv: 'Debian:12', system: ['debian', '12.5'], purl: 'deb/debian', library: 'deb', source: 'debian' },
  { osv: 'Ubuntu:22.04:LTS', system: ['ubuntu', '22.04'], purl: 'deb/ubuntu', library: 'deb', source: 'ubuntu' },
  {
    osv: 'Ubuntu:Pro:18.04:LTS',
    system: ['ubuntu', '18.04-ESM'],
    purl: 'deb/ubuntu',
    library: 'deb',
    source: 'ubuntu',
  },
  { osv: 'Echo', system: ['echo', '1'], purl: 'deb/echo', library: 'deb', source: 'echo' },
  { osv: 'AlmaLinux:9', system: ['alma', '9.4'], purl: 'rpm/alma', library: 'rpm', source: 'alma' },
  { osv: 'Rocky Linux:9', system: ['rocky', '9.4'], purl: 'rpm/rocky', library: 'rpm', source: 'rocky' },
  {
    osv: 'SUSE:Linux Enterprise Module for Basesystem 15 SP5',
    system: ['sles', '15.5'],
    purl: 'rpm/suse',
    library: 'rpm',
    source: 'suse-cvrf',
  },
  { osv: 'SUSE:Linux Micro 6.0', system: ['slem', '6.0'], purl: 'rpm/suse', library: 'rpm', source: 'suse-cvrf' },
  {
    osv: 'openSUSE:Leap 15.5',
    system: ['opensuse-leap', '15.5'],
    purl: 'rpm/opensuse',
    library: 'rpm',
    source: 'suse-cvrf',
  },
  {
    osv: 'openSUSE:Tumbleweed',
    system: ['opensuse-tumbleweed', '20240607'],
    purl: 'rpm/opensuse',
    library: 'rpm',
    source: 'suse-cvrf',
  },
  { osv: 'Photon OS:4.0', system: ['photon', '4.0'], purl: 'rpm/photon', library: 'rpm', source: 'photon' },
  { osv: 'Azure Linux:3', system: ['azurelinux', '3.0'], purl: 'rpm/azurelinux', library: 'rpm', source: 'azure' },
  {
    osv: 'Azure Linux:2',
    system: ['cbl-mariner', '2.0.20240101'],
    purl: 'rpm/cbl-mariner',
    library: 'rpm',
    source: 'cbl-mariner',
  },
  {
    osv: 'Bottlerocket',
    system: ['bottlerocket', '1.20'],
    purl: 'rpm/bottlerocket',
    library: 'rpm',
    source: 'bottlerocket',
  },
];

/** A fixed version, and installed ones around it. */
const versions: Readonly<Record<Driver['library'], { readonly fixed: string; readonly installed: readonly string[] }>> =
  {
    apk: {
      fixed: '3.1.4-r5',
      installed: [
        '3.1.4-r4',
        '3.1.4-r5',
        '3.1.4-r10',
        '3.1.4_rc1-r9',
        '3.1.4_p1-r0',
        '3.1.3-r9',
        '3.1.10-r0',
        '3.1.4a-r0',
        '0',
      ],
    },
    deb: {
      fixed: '3.0.11-1~deb12u2',
      installed: [
        '3.0.11-1~deb12u1',
        '3.0.11-1~deb12u2',
        '3.0.11-1~deb12u10',
        '3.0.11-1',
        '3.0.11~rc1-1',
        '3.0.9-1',
        '1:1.0-1',
        '0',
      ],
    },
    rpm: {
      fixed: '3.0.7-27.el9',
      installed: [
        '3.0.7-26.el9',
        '3.0.7-27.el9',
        '3.0.7-27.el9_1',
        '3.0.7-27.el10',
        '3.0.7~rc1-30',
        '3.0.7^git1-1',
        '3.0.10-1',
        '2-1',
      ],
    },
  };

const since = (...events: readonly JsonObject[]): JsonObject[] => [{ introduced: '0' }, ...events];

async function below(library: string, fixed: string, installed: readonly string[]): Promise<string[]> {
  const lines = installed.map((version) => JSON.stringify([version, fixed]));
  const { stdout } = await runPeer('trivy-versions', [library], { input: `${lines.join('\n')}\n` });
  const answers = stdout.split('\n');
  return installed.filter((_, i) => answers[i] === 'v<');
}

/** A package of the system with each of some versions. */
function inventoryOf({ system: [family, release], purl }: Driver, name: string, installed: readonly string[]) {
  const packages = installed.map((version) => `${purl}/${name}@${encodeURIComponent(version)}`);
  return new SystemInventory(family, release, packages);
}

const versionOf = (installed: string): string => installed.slice(installed.indexOf(' ') + 1);

describePeers(['trivy', 'trivy-versions'], 'stock Trivy', () => {
  describe.each(drivers.map((driver) => [driver.osv, driver] as const))('with rows of %s', (osv, driver) => {
    const { fixed, installed } = versions[driver.library];
    const os = osEcosystemOf(osv)?.os;

    test('reports what Go’s comparer puts below the fixed version, and nothing else', async () => {
      const records = [
        { id: 'X-2026-1', upstream: ['CVE-2026-1'], affected: [affected(osv, 'openssl', since({ fixed }))] },
      ];
      const found = await scanWithStockTrivy(records, inventoryOf(driver, 'openssl', installed));
      const expected = await below(driver.library, fixed, installed);
      expect(expected.length).toBeGreaterThan(2);
      expect(expected.length).toBeLessThan(installed.length - 1);
      expect(found.map((each) => versionOf(each.installed)).sort()).toEqual(expected.toSorted());
      for (const { id, fixed: shown, source } of found) {
        expect([id, shown, source]).toEqual(['CVE-2026-1', fixed, driver.source]);
      }
    });

    test('reports what has no fix only where its driver does; else that is listed', async () => {
      const records = [{ id: 'X-2026-1', upstream: ['CVE-2026-1'], affected: [affected(osv, 'openssl', since())] }];
      const found = await scanWithStockTrivy(
        records,
        inventoryOf(driver, 'openssl', ['1.0-1', '9.0-1'].map(asApk(driver))),
      );
      expect(found.map(({ fixed: shown }) => shown)).toEqual(os?.reportsUnfixed ? ['', ''] : []);
      const { report } = await buildOf(records);
      expect(lossesOf(report)).toEqual(
        os?.reportsUnfixed ? {} : { unfixedNotCarried: '1: X-2026-1 1 /affected/0', nothingCarried: '1: X-2026-1 1' },
      );
    });

    test('reports what several ranges affect, and what is between them', async () => {
      const [low, high] = ['1.5-1', '2.5-1'].map(asApk(driver)) as [string, string];
      const start = asApk(driver)('2.0-1');
      const ranges = [since({ fixed: low }), [{ introduced: start }, { fixed: high }]];
      const records = [{ id: 'X-2026-1', upstream: ['CVE-2026-1'], affected: [affected(osv, 'openssl', ...ranges)] }];
      const probes = ['1.0-1', '1.7-1', '2.2-1', '2.5-1'].map(asApk(driver));
      const found = await scanWithStockTrivy(records, inventoryOf(driver, 'openssl', probes));
      expect(found.map((each) => versionOf(each.installed)).sort()).toEqual(probes.slice(0, 3));
      const { report } = await buildOf(records);
      expect(lossesOf(report)).toEqual({ rangesWidened: '1: X-2026-1 1 /affected/0' });
    });
  });

  test('finds packages of an Alpine root by their source, from the version on that introduced it', async () => {
    const records = [
      {
        id: 'ALPINE-CVE-2026-1',
        upstream: ['CVE-2026-1'],
        affected: [affected('Alpine:v3.20', 'openssl', since({ fixed: '3.3.1-r2' }))],
      },
      {
        id: 'ALPINE-CVE-2026-2',
        upstream: ['CVE-2026-2'],
        affected: [affected('Alpine:v3.20', 'openssl', [{ introduced: '3.3.2-r0' }, { fixed: '3.4.0-r0' }])],
      },
      {
        id: 'ALPINE-CVE-2026-3',
        upstream: ['CVE-2026-3'],
        affected: [affected('Alpine:v3.20', 'openssl', [{ introduced: '3.3.0-r0' }, { fixed: '3.3.1-r5' }])],
      },
      {
        id: 'ALPINE-CVE-2026-4',
        upstream: ['CVE-2026-4'],
        affected: [affected('Alpine:v3.19', 'openssl', since({ fixed: '9-r0' }))],
      },
    ];
    const root = {
      'etc/alpine-release': '3.20.3\n',
      'etc/os-release': 'ID=alpine\nVERSION_ID=3.20.3\n',
      'lib/apk/db/installed': ['P:libssl3', 'V:3.3.1-r1', 'A:x86_64', 'L:Apache-2.0', 'o:openssl', '', ''].join('\n'),
    };
    const found = await scanWithStockTrivy(records, root, 'rootfs');
    expect(found.map(({ id, installed }) => `${installed} ${id}`).sort()).toEqual([
      'libssl3 3.3.1-r1 CVE-2026-1',
      'libssl3 3.3.1-r1 CVE-2026-3',
    ]);
  });

  const dpkg = (name: string, source: string, version: string): string =>
    ['Package', name, 'Status', 'install ok installed', 'Architecture', 'amd64', 'Source', source, 'Version', version]
      .reduce((text, part, i) => text + part + (i % 2 === 0 ? ': ' : '\n'), '')
      .concat('\n');

  test('finds packages of a Debian root by their source, with the urgency as severity', async () => {
    const entry = {
      ...affected('Debian:12', 'openssl', since({ fixed: '3.0.11-1' })),
      ecosystem_specific: { urgency: 'high' },
    };
    const records = [
      { id: 'DEBIAN-CVE-2026-1', upstream: ['CVE-2026-1'], affected: [entry] },
      {
        id: 'DSA-1-1',
        upstream: ['CVE-2026-1'],
        database_specific: { kev: true },
        affected: [affected('Debian:12', 'openssl', since({ fixed: '3.0.11-1' }))],
      },
      { id: 'DSA-2-1', upstream: ['CVE-2026-2'], affected: [affected('Debian:12', 'libssl3', since({ fixed: '9' }))] },
      { id: 'DEBIAN-CVE-2026-3', upstream: ['CVE-2026-3'], affected: [affected('Debian:11', 'openssl', since())] },
    ];
    const root = {
      'etc/debian_version': '12.5\n',
      'etc/os-release': 'ID=debian\nVERSION_ID="12"\n',
      'var/lib/dpkg/status': dpkg('libssl3', 'openssl', '3.0.9-1'),
    };
    const found = await scanWithStockTrivy(records, root, 'rootfs');
    expect(found).toMatchObject([
      {
        installed: 'libssl3 3.0.9-1',
        id: 'CVE-2026-1',
        severity: 'HIGH',
        rated: 'debian',
        fixed: '3.0.11-1',
        custom: { kev: true },
      },
    ]);
    expect([...(found[0]?.vendorIds ?? [])]).toEqual(['DEBIAN-CVE-2026-1', 'DSA-1-1']);
  });

  test('finds in a root with Ubuntu Pro what Pro fixes, and without it what the release does', async () => {
    const fix = (osv: string, fixed: string) => affected(osv, 'openssl', since({ fixed }));
    const records = [
      {
        id: 'UBUNTU-CVE-2026-1',
        upstream: ['CVE-2026-1'],
        severity: [{ type: 'Ubuntu', score: 'medium' }],
        affected: [
          fix('Ubuntu:Pro:18.04:LTS', '1.1.1-1ubuntu2.1~18.04.23+esm3'),
          affected('Ubuntu:18.04:LTS', 'openssl', since()),
        ],
      },
    ];
    const root = {
      'etc/lsb-release': 'DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=18.04\nDISTRIB_CODENAME=bionic\n',
      'etc/os-release': 'ID=ubuntu\nVERSION_ID="18.04"\n',
      'var/lib/dpkg/status': dpkg('libssl1.1', 'openssl', '1.1.1-1ubuntu2.1~18.04.23'),
    };
    const pro = { 'var/lib/ubuntu-advantage/status.json': '{"services":[{"name":"esm-infra","status":"enabled"}]}' };
    const plain = await scanWithStockTrivy(records, root, 'rootfs');
    expect(plain).toMatchObject([{ id: 'CVE-2026-1', fixed: '', severity: 'MEDIUM', rated: 'ubuntu' }]);
    const attached = await scanWithStockTrivy(records, { ...root, ...pro }, 'rootfs');
    expect(attached).toMatchObject([{ id: 'CVE-2026-1', fixed: '1.1.1-1ubuntu2.1~18.04.23+esm3' }]);
  });

  test.each(['16.04', '16.04-ESM'])('finds in Ubuntu %s what only the release or only Pro fixes', async (release) => {
    const fix = (id: string, osv: string, fixed: string) => {
      return { id: `U-${id}`, upstream: [id], affected: [affected(osv, 'systemd', since({ fixed }))] };
    };
    const records = [
      fix('CVE-2026-1', 'Ubuntu:16.04:LTS', '229-4ubuntu21.28'),
      fix('CVE-2026-2', 'Ubuntu:Pro:16.04:LTS', '229-4ubuntu21.31+esm1'),
    ];
    const packages = ['229-4ubuntu21.1', '229-4ubuntu21.31', '229-4ubuntu21.31+esm1'].map(
      (version) => `deb/ubuntu/systemd@${encodeURIComponent(version)}`,
    );
    const found = await scanWithStockTrivy(records, new SystemInventory('ubuntu', release, packages));
    expect(found.map(({ installed, id }) => `${versionOf(installed)} ${id}`).sort()).toEqual([
      '229-4ubuntu21.1 CVE-2026-1',
      '229-4ubuntu21.1 CVE-2026-2',
      '229-4ubuntu21.31 CVE-2026-2',
    ]);
  });

  test('finds packages of a module by its stream, and those of another stream not', async () => {
    const entry = affected('Rocky Linux:8', 'npm', since({ fixed: '1:10.8.2-1.module+el8.10.0+1' }));
    const records = [
      { id: 'RLSA-1', upstream: ['CVE-2026-1'], summary: 'Important: nodejs:20 security update', affected: [entry] },
    ];
    const version = '10.2.3-1.module%2Bel8.9.0%2B1?epoch=1';
    const label = (stream: string) => `modularitylabel=nodejs%3A${stream}%3A8090020240101%3Aabcdef`;
    const scan = (qualifier: string) =>
      scanWithStockTrivy(records, new SystemInventory('rocky', '8.9', [`rpm/rocky/npm@${version}&${qualifier}`]));
    expect(await scan(label('20'))).toMatchObject([{ id: 'CVE-2026-1', fixed: '1:10.8.2-1.module+el8.10.0+1' }]);
    expect(await scan(label('18'))).toEqual([]);
    expect(await scan('arch=x86_64')).toEqual([]);
  });

  test('finds the installed packages that a record of SUSE names, each by its own version', async () => {
    const entry = {
      ...affected('SUSE:Linux Enterprise Server 15 SP5-LTSS', 'openssl-1_1', since({ fixed: '1.1.1l-150500.17.37.1' })),
      ecosystem_specific: { binaries: [{ libopenssl1_1: '1.1.1l-150500.17.37.1', 'openssl-1_1-doc': '2.0-1' }] },
    };
    const records = [{ id: 'SUSE-SU-2026:1-1', upstream: ['CVE-2026-1'], affected: [entry] }];
    const packages = ['libopenssl1_1', 'openssl-1_1-doc', 'libssh4'].map(
      (name) => `rpm/suse/${name}@1.1.1l-150500.17.37.1`,
    );
    const found = await scanWithStockTrivy(records, new SystemInventory('sles', '15.5', packages));
    expect(found.map(({ installed, fixed }) => [installed, fixed])).toEqual([
      ['openssl-1_1-doc 1.1.1l-150500.17.37.1', '2.0-1'],
    ]);
  });

  test('never has half a record: one that would abort a scan of Echo is withheld, and the others are found', async () => {
    const records = [
      {
        id: 'ECHO-1',
        upstream: ['CVE-2026-1'],
        affected: [
          affected('Echo', 'openssl', since({ fixed: 'soon' })),
          affected('Echo', 'zlib', since({ fixed: '9' })),
        ],
      },
      { id: 'ECHO-2', upstream: ['CVE-2026-2'], affected: [affected('Echo', 'openssl', since({ fixed: '2.0-1' }))] },
    ];
    const inventory = new SystemInventory('echo', '1', ['deb/echo/openssl@1.0-1', 'deb/echo/zlib@1.0-1']);
    expect(await scanWithStockTrivy(records, inventory)).toMatchObject([
      { installed: 'openssl 1.0-1', id: 'CVE-2026-2' },
    ]);
  });

  test('aborts a scan of Red Hat, as the warning says', async () => {
    const records = [
      { id: 'ALSA-1', related: ['CVE-2026-1'], affected: [affected('AlmaLinux:9', 'openssl', since({ fixed: '9' }))] },
    ];
    const inventory = new SystemInventory('redhat', '9.4', ['rpm/redhat/openssl@1.0-1.el9']);
    await expect(scanWithStockTrivy(records, inventory)).rejects.toThrow('unable to find CPE indices');
  });
});

/** A version in the form of the driver's packages. */
const asApk =
  ({ library }: Driver) =>
  (version: string): string =>
    library === 'apk' ? version.replace('-', '-r') : version;

/** Systems that Trivy 0.60 does not know. */
const LATER: readonly string[] = ['Bottlerocket', 'Echo', 'MinimOS'];

describePeers(['trivy060', 'trivy-versions'], 'the oldest Trivy', () => {
  const known = drivers.filter(({ osv }) => !LATER.includes(osv));

  test.each(known.map((driver) => [driver.osv, driver] as const))('reads rows of %s', async (osv, driver) => {
    const { fixed, installed } = versions[driver.library];
    const records = [
      { id: 'X-2026-1', upstream: ['CVE-2026-1'], affected: [affected(osv, 'openssl', since({ fixed }))] },
    ];
    const { members } = await buildOf(records);
    const files = Object.fromEntries(members.map(({ header, bytes }) => [header.name, bytes]));
    const found = await scanWithDatabase(files, inventoryOf(driver, 'openssl', installed), 'fs', 'trivy060');
    const expected = await below(driver.library, fixed, installed);
    expect(found.map((each) => versionOf(each.installed)).sort()).toEqual(expected.toSorted());
  });
});
