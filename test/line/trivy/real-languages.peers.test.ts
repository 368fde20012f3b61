import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { collectRecords } from '#evidence';
import type { VersionGrammar } from '#versions';
import { ecosystemOf } from '../../../src/artifacts/ecosystems.ts';
import { buildSet } from '../../artifacts/trivy/fixture.ts';
import { isAffected, type OsvEntry, orderOf } from '../../artifacts/trivy/osv-evaluation.ts';
import { type DatabaseFiles, listWithDatabase } from '../../artifacts/trivy/stock-trivy.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { buildReferenceDb } from '../../peers/peers.ts';
import { describeRealData, realSource } from '../real-data.ts';
import { type Installed, type Language, languages } from './languages.ts';
import { semverNeighbours } from './probes.ts';
import { type OsvAffected, type OsvRecord, readRecords } from './records.ts';

interface Real {
  readonly osv: string;
  readonly archive: string;
  /** As trivy-db has it. */
  readonly source: { readonly id: string; readonly name: string; readonly url: string };
  /** So many records, versions asked about and findings at least. */
  readonly extent: readonly [records: number, asked: number, findings: number];
}

const real: readonly Real[] = [
  {
    osv: 'Bitnami',
    archive: 'osv-bitnami-2026-08-05',
    source: { id: 'bitnami', name: 'Bitnami Vulnerability Database', url: 'https://github.com/bitnami/vulndb' },
    extent: [1861, 9000, 50_000],
  },
  {
    osv: 'Kubernetes',
    archive: 'osv-kubernetes-2024-11-18',
    source: { id: 'k8s', name: 'Official Kubernetes CVE Feed', url: 'https://kubernetes.io/' },
    extent: [47, 400, 1000],
  },
  {
    osv: 'Julia',
    archive: 'osv-julia-2026-08-21',
    source: { id: 'julia', name: 'Julia Ecosystem Security Advisories', url: 'https://github.com/JuliaLang/' },
    extent: [1703, 1000, 10_000],
  },
  {
    osv: 'crates.io',
    archive: 'osv-crates-2026-08-20',
    source: { id: 'osv', name: 'RustSec Advisory Database', url: 'https://github.com/RustSec/advisory-db' },
    extent: [1206, 4000, 5000],
  },
];

describeRealData(['trivy', 'trivydb-ref'], 'trivy with every record and every bound of real databases', () => {
  describe.each(real)('$osv', ({ osv, archive, source, extent }) => {
    const language = languages[osv] as Language;
    let records: readonly OsvRecord[];
    let asked: readonly Installed[];
    let ours: ReadonlySet<string>;
    let theirs: ReadonlySet<string>;
    let expected: ReadonlySet<string>;

    beforeAll(async () => {
      const dir = await makeTempDir();
      execFileSync('unzip', ['-qj', realSource(archive), '-d', join(dir, 'records')]);
      records = (await readRecords(join(dir, 'records'))).filter((record) => record.affected !== undefined);
      // No scan can meet what trivy does not read as installed, such as `2023.03.20` of Bitnami.
      const { grammar } = ecosystemOf(osv) as { grammar: VersionGrammar };
      asked = edgesOf(records).filter(({ version }) => grammar.installed(version) !== undefined);
      expected = expectedOf(osv, records, asked);
      const inventory = language.inventory(asked);
      ours = new Set(await listWithDatabase(await ourDatabase(realSource(archive), dir), inventory));
      const inputs = [{ ecosystem: language.reference as string, ...source, dir: join(dir, 'records') }];
      await buildReferenceDb(join(dir, 'out'), inputs);
      theirs = new Set(await listWithDatabase(await filesIn(join(dir, 'out')), inventory));
    }, 600_000);

    test('is asked about on both sides of every bound', () => {
      expect(records.length).toBeGreaterThanOrEqual(extent[0]);
      expect(asked.length).toBeGreaterThan(extent[1]);
      expect(expected.size).toBeGreaterThan(extent[2]);
    });

    test('ours reports what the OSV evaluation algorithm says, and nothing else', () => {
      expect([...ours].filter((finding) => !expected.has(finding))).toEqual([]);
      expect([...expected].filter((finding) => !ours.has(finding))).toEqual([]);
    });

    test('the reference reports nothing that ours does not, and lacks only what is explained', () => {
      expect([...theirs].filter((finding) => !ours.has(finding))).toEqual([]);
      const lacking = [...ours].filter((finding) => !theirs.has(finding));
      expect(lacking.filter((finding) => !isExplained(finding, osv, records))).toEqual([]);
    });
  });
});

/** Every bound of every range, and what lies next to it. */
function edgesOf(records: readonly OsvRecord[]): Installed[] {
  const found = new Map<string, Installed>();
  for (const { package: { name } = { name: '' }, ranges = [], versions = [] } of records.flatMap(
    (record) => record.affected ?? [],
  )) {
    const bounds = ranges.flatMap(({ events }) => events.flatMap((event) => Object.values(event)));
    const around = bounds.filter((bound) => bound !== '0').flatMap((bound) => [bound, ...neighboursOf(bound)]);
    for (const version of [...around, ...versions]) found.set(`${name} ${version}`, { name, version });
  }
  return [...found.values()];
}

/** A build number of Julia's stays, and has others beside it. */
function neighboursOf(bound: string): readonly string[] {
  const [version = '', build] = bound.split('+');
  if (build === undefined) return semverNeighbours(bound);
  return [...semverNeighbours(version).map((each) => `${each}+${build}`), `${version}+${Number(build) + 1}`];
}

function expectedOf(osv: string, records: readonly OsvRecord[], asked: readonly Installed[]): ReadonlySet<string> {
  const versions = Map.groupBy(asked, ({ name }) => name);
  const found = new Set<string>();
  for (const record of records.filter(({ withdrawn }) => withdrawn === undefined)) {
    const entries = Map.groupBy(
      (record.affected ?? []) as unknown as readonly OsvEntry[],
      (entry) => entry.package.name,
    );
    for (const [name, own] of entries) {
      const filled = own.map((entry) => ({ ...entry, versions: entry.versions ?? [] }));
      for (const { version } of versions.get(name) ?? []) {
        if (!isAffected(version, { ecosystem: osv, entries: filled, installed: [] })) continue;
        for (const id of idsOf(record)) found.add(`${name} ${version} ${id}`);
      }
    }
  }
  return found;
}

function idsOf({ id, aliases = [], upstream = [] }: OsvRecord): string[] {
  const cves = [...new Set([...aliases, ...upstream, id])].filter((each) => each.startsWith('CVE-'));
  return cves.length > 0 ? cves : [id];
}

/** Whether it is known why the reference lacks a finding of ours. */
function isExplained(finding: string, osv: string, records: readonly OsvRecord[]): boolean {
  const [name = '', version = '', id = ''] = finding.split(' ');
  const order = orderOf(osv);
  // "From the beginning" is `>=0` there.
  if (order(version, '0') < 0) return true;
  const telling = records.filter((record) => idsOf(record).includes(id) && entriesOf(record, name).length > 0);
  // Of a record's CVE ids it keeps one, and of several records on one package and id the last.
  if (telling.length > 1 || telling.some((record) => idsOf(record).length > 1)) return true;
  // It drops every id with a text that cites a rejection, whoever publishes the record; ours only the CVE record itself.
  if (telling.some(({ details = '' }) => details.startsWith('Rejected reason:'))) return true;
  const ranges = telling.flatMap((record) => entriesOf(record, name)).flatMap((entry) => entry.ranges ?? []);
  // What one event fixes and another affects is fixed there.
  const isFix = ranges.some(({ events }) =>
    events.some(({ fixed }) => fixed !== undefined && order(fixed, version) === 0),
  );
  return isFix || ranges.some(({ events }) => !isInOrder(events, order));
}

/** OSV orders events by version; the reference takes them as they come. */
function isInOrder(
  events: readonly Readonly<Record<string, string>>[],
  order: (a: string, b: string) => number,
): boolean {
  const bounds = events.map(({ introduced, fixed, last_affected: last }) => introduced ?? fixed ?? last ?? '0');
  return bounds.every((bound, i) => i === 0 || order(bounds[i - 1] as string, bound) <= 0);
}

function entriesOf({ affected = [] }: OsvRecord, name: string): readonly OsvAffected[] {
  return affected.filter((entry) => entry.package?.name === name);
}

async function ourDatabase(archive: string, workDir: string): Promise<DatabaseFiles> {
  const set = await collectRecords({ sources: [archive], selector: {}, withholdInvalid: false, workDir });
  const { members, report } = await buildSet(set);
  await set.close();
  expect(report.withheld).toEqual([]);
  return Object.fromEntries(members.map(({ header, bytes }) => [header.name, bytes]));
}

async function filesIn(folder: string): Promise<DatabaseFiles> {
  const names = ['trivy.db', 'metadata.json'];
  const files = await Promise.all(names.map((name) => readFile(join(folder, name))));
  return Object.fromEntries(names.map((name, i) => [name, files[i] as Buffer]));
}
