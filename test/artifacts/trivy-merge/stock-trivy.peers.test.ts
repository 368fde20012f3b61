import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import type { TrivyDbBase, TrivyDbOptions } from '#artifacts';
import type { JsonObject } from '#core';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { buildReferenceDb, describePeers, runPeer } from '../../peers/peers.ts';
import { affected, type BuiltDb, buildOf } from '../trivy/fixture.ts';
import { type Inventory, type StockFinding, SystemInventory, scanWithDatabase, trivies } from '../trivy/stock-trivy.ts';
import { json, type Tree, writeTree } from './fixture.ts';

const GHSA = {
  ecosystem: 'npm',
  id: 'ghsa',
  name: 'GitHub Security Advisory npm',
  url: 'https://github.com/advisories',
};
const ACME = { prefix: 'ACME-', id: 'acme', name: 'acme', url: 'https://acme.example/' };

const until = (name: string, fixed: string): JsonObject => affected('npm', name, [{ introduced: '0' }, { fixed }]);

const told = ({ installed, id, fixed, source, severity }: StockFinding) =>
  [installed, id, fixed, source, severity].join(' ');

let dir: string;
beforeEach(async () => {
  dir = await makeTempDir();
});

async function baseAt(path: string): Promise<TrivyDbBase> {
  return { path, sizeBytes: (await readFile(path)).byteLength };
}

/** The findings of stock Trivy with a merged database. */
async function scan({ members }: BuiltDb, inventory: Inventory, command?: 'rootfs'): Promise<string[]> {
  const files = Object.fromEntries(members.map(({ header, bytes }) => [header.name, bytes]));
  return (await scanWithDatabase(files, inventory, command)).map(told).sort();
}

const build = (base: TrivyDbBase, records: readonly JsonObject[], options: Partial<TrivyDbOptions> = {}) =>
  buildOf(records, { base, dataSources: [ACME], ...options });

describePeers(['trivy', 'trivydb-ref'], 'stock Trivy with a merged database', () => {
  async function reference(): Promise<TrivyDbBase> {
    await mkdir(join(dir, 'npm'));
    const record = (id: string, cve: string, name: string) => ({
      schema_version: '1.7.0',
      id,
      modified: '2026-01-01T00:00:00Z',
      aliases: [cve],
      summary: `official ${name}`,
      database_specific: { severity: 'HIGH' },
      affected: [until(name, '1.5.0')],
    });
    const records = [
      record('GHSA-aaaa-aaaa-aaaa', 'CVE-2026-1', 'official'),
      record('GHSA-bbbb-bbbb-bbbb', 'CVE-2026-2', 'both'),
    ];
    for (const each of records) await writeFile(join(dir, 'npm', `${each.id}.json`), JSON.stringify(each));
    return baseAt(await buildReferenceDb(join(dir, 'out'), [{ ...GHSA, dir: join(dir, 'npm') }]));
  }

  const own = [
    { id: 'ACME-1', affected: [until('ours', '2.0.0')], database_specific: { severity: 'CRITICAL' } },
    { id: 'ACME-2', aliases: ['CVE-2026-2'], affected: [until('both', '1.9.0')] },
  ];
  const inventory = ['npm/official@1.0.0', 'npm/ours@1.0.0', 'npm/both@1.7.0', 'npm/both@1.0.0'];

  test('reports official and own advisories, and the own one where both speak', async () => {
    const base = await reference();
    expect(await scan(await build(base, own), inventory)).toEqual([
      'both 1.0.0 CVE-2026-2 1.9.0 acme UNKNOWN',
      'both 1.7.0 CVE-2026-2 1.9.0 acme UNKNOWN',
      'official 1.0.0 CVE-2026-1 1.5.0 ghsa UNKNOWN',
      'ours 1.0.0 ACME-1 2.0.0 acme CRITICAL',
    ]);
  });

  test('reports the official one where its source takes precedence', async () => {
    const base = await reference();
    const merged = await build(base, own, { sourcePrecedence: ['ghsa', 'acme'] });
    expect(await scan(merged, inventory)).toEqual([
      'both 1.0.0 CVE-2026-2 1.5.0 ghsa UNKNOWN',
      'official 1.0.0 CVE-2026-1 1.5.0 ghsa UNKNOWN',
      'ours 1.0.0 ACME-1 2.0.0 acme CRITICAL',
    ]);
  });

  test('takes no official advisory from a later bucket of the ecosystem', async () => {
    const advisory = (fixed: string) => json({ PatchedVersions: [fixed], VulnerableVersions: [`<${fixed}`] });
    const base = await baseAt(
      await writeTree(join(dir, 'base.db'), {
        'npm::zeta': { both: { 'CVE-2026-2': advisory('1.1.0') }, official: { 'CVE-2026-1': advisory('1.5.0') } },
        vulnerability: { 'CVE-2026-1': json({}), 'CVE-2026-2': json({}) },
      }),
    );
    expect(
      (await scan(await build(base, own), ['npm/both@1.7.0', 'npm/official@1.0.0'])).map((line) => line.trim()),
    ).toEqual(['both 1.7.0 CVE-2026-2 1.9.0 acme UNKNOWN', 'official 1.0.0 CVE-2026-1 1.5.0  UNKNOWN']);
  });
});

const handMade: Tree = {
  'Red Hat': {
    bash: {
      'RHSA-2026:1': json({
        Entries: [{ FixedVersion: '0:5.1.8-9.el9', Cves: [{ ID: 'CVE-2026-7', Severity: 3 }], Affected: [0] }],
      }),
    },
  },
  'Red Hat CPE': {
    cpe: { '0': '"cpe:/o:redhat:enterprise_linux:9::baseos"' },
    nvr: { 'bash-5.1.8-6.el9-x86_64': '[0]' },
    repository: { 'rhel-9-for-x86_64-baseos-rpms': '[0]' },
  },
  'alpine 3.20': { openssl: { 'CVE-2026-3': json({ FixedVersion: '3.3.1-r0' }), 'CVE-2026-4': '' } },
  'data-source': {
    'Red Hat': json({ ID: 'redhat', Name: 'Red Hat', URL: 'https://access.redhat.com/' }),
    'alpine 3.20': json({ ID: 'alpine', Name: 'Alpine Secdb', URL: 'https://secdb.alpinelinux.org/' }),
  },
  vulnerability: { 'CVE-2026-3': json({ Title: 't', VendorSeverity: { nvd: 4 } }), 'CVE-2026-7': json({}) },
};

describePeers(['trivy', 'bbolt'], 'a merge into a file of Go bbolt', () => {
  async function byGo(tree: Tree): Promise<TrivyDbBase> {
    const ours = await writeTree(join(dir, 'ours.db'), tree);
    const path = join(dir, 'theirs.db');
    await rm(path, { force: true });
    await bbolt('compact', '-o', path, ours);
    return baseAt(path);
  }

  async function bbolt(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await runPeer('bbolt', args);
    expect(code === 0 ? '' : stderr).toBe('');
    return stdout;
  }

  /** Values in a bucket, counted by the bbolt command. */
  async function countKeys(path: string, ...bucket: string[]): Promise<number> {
    const names = (await bbolt('keys', path, ...bucket)).split('\n').filter((name) => name !== '');
    let count = 0;
    for (const name of names) {
      const { code } = await runPeer('bbolt', ['keys', path, ...bucket, name]);
      count += code === 0 ? await countKeys(path, ...bucket, name) : 1;
    }
    return count;
  }

  const own = [
    { id: 'ACME-1', affected: [until('ours', '2.0.0')] },
    { id: 'ACME-2', aliases: ['CVE-2026-3'], affected: [until('ours', '3.0.0')] },
  ];

  test('is valid for bbolt check, has each key that the account has, and each value of the base', async () => {
    const base = await byGo(handMade);
    const { members, report } = await build(base, own);
    const path = join(dir, 'merged.db');
    await writeFile(path, members.find(({ header }) => header.name === 'trivy.db')?.bytes ?? '');
    expect(await bbolt('check', path)).toBe('OK\n');
    const buckets = report.merge?.buckets ?? [];
    expect(buckets.map(({ name }) => name)).toEqual((await bbolt('buckets', path)).trim().split('\n'));
    for (const { name, base: before, kept, replaced, united, removed, leftOut, added } of buckets) {
      expect([name, Object.keys(leftOut)]).toEqual([name, []]);
      expect([name, kept + replaced + united + removed]).toEqual([name, before]);
      expect([name, kept + replaced + united + added]).toEqual([name, await countKeys(path, name)]);
      const isOfBase = (await bbolt('buckets', base.path)).split('\n').includes(name);
      expect([name, before]).toEqual([name, isOfBase ? await countKeys(base.path, name) : 0]);
    }
    for (const place of [
      ['Red Hat', 'bash', 'RHSA-2026:1'],
      ['Red Hat CPE', 'repository', 'rhel-9-for-x86_64-baseos-rpms'],
      ['Red Hat CPE', 'nvr', 'bash-5.1.8-6.el9-x86_64'],
      ['Red Hat CPE', 'cpe', '0'],
      ['alpine 3.20', 'openssl', 'CVE-2026-3'],
      ['alpine 3.20', 'openssl', 'CVE-2026-4'],
    ]) {
      expect(await bbolt('get', path, ...place)).toBe(await bbolt('get', base.path, ...place));
    }
  });

  test('lets Trivy scan RHEL, which fails where the Red Hat buckets are out of scope', async () => {
    const base = await byGo(handMade);
    const bash = 'rpm/redhat/bash@5.1.8-6.el9?arch=x86_64&distro=redhat-9.4';
    const system = new SystemInventory('redhat', '9.4', [bash]);
    expect(await scan(await build(base, own), system)).toEqual(['bash 5.1.8-6.el9 CVE-2026-7 5.1.8-9.el9  HIGH']);
    const scoped = await build({ ...base, scope: { ecosystems: ['npm'] } }, own);
    await expect(scan(scoped, system)).rejects.toThrow('trivy exited with 1');
  });

  test('takes the own fix of a package of an operating system, and adds a release that the base lacks', async () => {
    const alpine = (release: string, fixed: string) =>
      affected(`Alpine:${release}`, 'openssl', [{ introduced: '0' }, { fixed }]);
    const records = [{ id: 'CVE-2026-3', affected: [alpine('v3.20', '3.3.9-r9'), alpine('v3.21', '3.4.0-r0')] }];
    const merged = await build(await byGo(handMade), records);
    const files = (release: string) => ({
      'etc/alpine-release': `${release}.0\n`,
      'etc/os-release': `ID=alpine\nVERSION_ID=${release}.0\n`,
      'lib/apk/db/installed': 'P:openssl\nV:3.3.0-r0\nA:x86_64\no:openssl\n\n',
    });
    expect(await scan(merged, files('3.20'), 'rootfs')).toEqual([
      'openssl 3.3.0-r0 CVE-2026-3 3.3.9-r9 alpine CRITICAL',
    ]);
    expect(await scan(merged, files('3.21'), 'rootfs')).toEqual([
      'openssl 3.3.0-r0 CVE-2026-3 3.4.0-r0 alpine CRITICAL',
    ]);
  });

  test('finds packages of the base’s operating system, rated by what both say', async () => {
    const merged = await build(await byGo(handMade), own);
    const files = {
      'etc/alpine-release': '3.20.0\n',
      'etc/os-release': 'ID=alpine\nVERSION_ID=3.20.0\n',
      'lib/apk/db/installed': 'P:openssl\nV:3.3.0-r0\nA:x86_64\no:openssl\n\n',
    };
    expect(await scan(merged, files, 'rootfs')).toEqual(['openssl 3.3.0-r0 CVE-2026-3 3.3.1-r0 alpine CRITICAL']);
    expect(await scan(merged, ['npm/ours@1.0.0'])).toEqual([
      'ours 1.0.0 ACME-1 2.0.0 acme UNKNOWN',
      'ours 1.0.0 CVE-2026-3 3.0.0 acme CRITICAL',
    ]);
  });
});

describePeers([...trivies], 'a merged database', () => {
  test.each(trivies)(
    'is read by %s: an operating system of the base, own packages of NuGet in either spelling',
    async (trivy) => {
      const base = await baseAt(await writeTree(join(dir, 'base.db'), handMade));
      const nuget = affected('NuGet', 'Acme.Web', [{ introduced: '0' }, { fixed: '2.0.0' }]);
      const { members } = await build(base, [{ id: 'ACME-3', affected: [nuget] }]);
      const files = Object.fromEntries(members.map(({ header, bytes }) => [header.name, bytes]));
      const found = async (inventory: Inventory) =>
        (await scanWithDatabase(files, inventory, 'fs', trivy)).map(({ installed, id }) => `${installed} ${id}`);
      const alpine = new SystemInventory('alpine', '3.20.0', ['apk/alpine/openssl@3.3.0-r0']);
      expect(await found(alpine)).toEqual(['openssl 3.3.0-r0 CVE-2026-3']);
      expect(await found(['nuget/Acme.Web@1.0.0', 'nuget/Acme.Web@2.0.0'])).toEqual(['Acme.Web 1.0.0 ACME-3']);
    },
  );
});
