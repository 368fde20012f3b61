import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { buildReferenceDb, describePeers } from '../../peers/peers.ts';
import { sample } from '../cli.ts';
import { differences, type Finding } from './findings.ts';
import {
  cargoLock,
  goMod,
  gradleLock,
  type LockFile,
  packageLock,
  requirementsTxt,
  writeLockFiles,
} from './lock-files.ts';
import { mavenNeighbours, type Neighbours, probesOf, pythonNeighbours, rounds, semverNeighbours } from './probes.ts';
import { readRecords } from './records.ts';
import { scanPeers, scanWithoutRoute } from './scan.ts';

interface Side {
  readonly ecosystem: 'go' | 'pip' | 'npm' | 'maven' | 'cargo';
  readonly osv: string;
  readonly prefix: string;
  readonly lock: LockFile;
  readonly neighbours: Neighbours;
  /** As our defaults have it, and trivy-db where it has one. */
  readonly source: { readonly id: string; readonly name: string; readonly url: string };
}

const github = (name: string): Side['source'] => ({
  id: 'ghsa',
  name: `GitHub Security Advisory ${name}`,
  url: `https://github.com/advisories?query=type%3Areviewed+ecosystem%3A${name.toLowerCase()}`,
});

const sides: readonly Side[] = [
  {
    ecosystem: 'npm',
    osv: 'npm',
    prefix: 'GHSA-',
    lock: packageLock,
    neighbours: semverNeighbours,
    source: github('npm'),
  },
  {
    ecosystem: 'maven',
    osv: 'Maven',
    prefix: 'GHSA-',
    lock: gradleLock,
    neighbours: mavenNeighbours,
    source: github('Maven'),
  },
  {
    ecosystem: 'cargo',
    osv: 'crates.io',
    prefix: 'RUSTSEC-',
    lock: cargoLock,
    neighbours: semverNeighbours,
    source: { id: 'osv', name: 'RustSec Advisory Database', url: 'https://github.com/RustSec/advisory-db' },
  },
  {
    ecosystem: 'go',
    osv: 'Go',
    prefix: 'GO-',
    lock: goMod,
    neighbours: semverNeighbours,
    source: { id: 'govulndb', name: 'The Go Vulnerability Database', url: 'https://pkg.go.dev/vuln/' },
  },
  {
    ecosystem: 'pip',
    osv: 'PyPI',
    prefix: 'PYSEC-',
    lock: requirementsTxt,
    neighbours: pythonNeighbours,
    source: {
      id: 'osv',
      name: 'Python Packaging Advisory Database',
      url: 'https://github.com/pypa/advisory-database',
    },
  },
];

/** Where the reference errs, by ecosystem. */
const explained: Readonly<Record<string, readonly string[]>> = {
  // GHSA-qwph-4952-7xr6 has no CVSS vector, only GitHub's word MODERATE. The reference reads records as plain OSV;
  // trivy-db's own reader of GitHub's records takes the word, as ours does.
  npm: ['severity CVE-2022-23540: MEDIUM'],
};

describePeers([...scanPeers], 'trivy with our database of the sample', () => {
  let dir: string;
  let scans: ReadonlyMap<string, readonly Finding[]>;
  const asked = new Map<string, number>();
  const findings = (name: string, ecosystem: string): readonly Finding[] =>
    (scans.get(name) ?? []).filter(({ lockFile }) => lockFile.startsWith(`${ecosystem}/`));

  beforeAll(async () => {
    dir = await makeTempDir();
    const folder = join(sample, 'osv');
    const records = await readRecords(folder);
    for (const { ecosystem, osv, prefix, lock, neighbours } of sides) {
      const own = records.filter(
        ({ id, affected = [] }) => id.startsWith(prefix) && affected.some((entry) => entry.package?.ecosystem === osv),
      );
      await mkdir(join(dir, ecosystem));
      for (const { id } of own) await copyFile(join(folder, `${id}.json`), join(dir, ecosystem, `${id}.json`));
      const probes = probesOf(own, { ecosystem: osv, neighbours, most: 100 });
      asked.set(ecosystem, [...probes.values()].flat().length);
      await writeLockFiles(join(dir, 'app', ecosystem), lock, rounds(probes));
    }
    const sources = sides.map(({ ecosystem, source }) => ({ ecosystem, ...source, dir: join(dir, ecosystem) }));
    await buildReferenceDb(join(dir, 'reference'), sources);
    scans = await scanWithoutRoute(dir, [
      { name: 'ours', sources: [sample] },
      { name: 'theirs', reference: 'reference' },
    ]);
  }, 300_000);

  test.each(sides)('$osv: the same findings as with the reference of the same records', ({ ecosystem }) => {
    const ours = findings('ours', ecosystem);
    const found = differences(ours, findings('theirs', ecosystem));
    const shown = found.map(({ what, finding }) => `${what} ${finding.id}: ${finding.severity}`);
    expect([...new Set(shown)]).toEqual(explained[ecosystem] ?? []);
    expect(ours.length).toBeGreaterThan(4);
    expect(ours.every(({ title, severity }) => title !== '' && severity !== '')).toBe(true);
    const affected = new Set(ours.map(({ name, installed }) => `${name} ${installed}`));
    expect(affected.size).toBeLessThan(asked.get(ecosystem) ?? 0);
  });

  test('a finding of one database that is not in another would be seen', () => {
    const ours = findings('ours', 'maven');
    const lesser = findings('theirs', 'maven').filter(({ id }) => id !== 'CVE-2022-42889');
    const ids = differences(ours, lesser).map(({ what, finding }) => `${what} ${finding.id}`);
    expect([...new Set(ids)]).toEqual(['only ours CVE-2022-42889']);
  });
});
