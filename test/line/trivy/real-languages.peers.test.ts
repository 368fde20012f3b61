import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { collectRecords } from '#evidence';
import { type Ecosystem, ecosystemOf } from '../../../src/artifacts/ecosystems.ts';
import { buildSet } from '../../artifacts/trivy/fixture.ts';
import { isAffected, type OsvEntry, orderOf } from '../../artifacts/trivy/osv-evaluation.ts';
import { type DatabaseFiles, listWithDatabase } from '../../artifacts/trivy/stock-trivy.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { buildReferenceDb } from '../../peers/peers.ts';
import { describeRealData, realSource } from '../real-data.ts';
import { type Installed, type Language, languages } from './languages.ts';
import { isKnownToOsvScanner, scanWithOsvScanner } from './osv-scanner.ts';
import { semverNeighbours } from './probes.ts';
import { type OsvAffected, type OsvRecord, readRecords } from './records.ts';

interface Real {
  readonly osv: string;
  readonly archive: string;
  /** As trivy-db has it. */
  readonly source: { readonly id: string; readonly name: string; readonly url: string };
  /** What lies next to a bound, on its other side; as semver's where absent. */
  readonly neighbours?: (kind: string, bound: string) => readonly string[];
  /** So many records, versions asked about and findings at least. */
  readonly extent: readonly [records: number, asked: number, findings: number];
}

const real: readonly Real[] = [
  {
    osv: 'Go',
    archive: 'osv-go-2026-08-22',
    source: { id: 'govulndb', name: 'The Go Vulnerability Database', url: 'https://pkg.go.dev/vuln/' },
    extent: [4000, 9000, 20_000],
  },
  {
    osv: 'PyPI',
    archive: 'osv-pypi-2024-10-11',
    source: { id: 'osv', name: 'Python Packaging Advisory Database', url: 'https://github.com/pypa/advisory-database' },
    neighbours: (kind, bound) => [kind === 'last_affected' ? `${bound}.post1` : `${bound}.dev0`],
    extent: [2600, 4000, 20_000],
  },
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

describeRealData(
  ['trivy', 'trivydb-ref', 'osv-scanner'],
  'trivy with every record and every bound of real databases',
  () => {
    describe.each(real)('$osv', ({ osv, archive, source, neighbours, extent }) => {
      const language = languages[osv] as Language;
      let records: readonly OsvRecord[];
      let asked: readonly Installed[];
      let ours: ReadonlySet<string>;
      let theirs: ReadonlySet<string>;
      let matches: readonly Match[];
      let expected: ReadonlySet<string>;

      beforeAll(async () => {
        const dir = await makeTempDir();
        execFileSync('unzip', ['-qj', realSource(archive), '-d', join(dir, 'records')]);
        records = (await readRecords(join(dir, 'records'))).filter((record) => record.affected !== undefined);
        // No scan can meet what trivy does not read as installed, such as `2023.03.20` of Bitnami.
        const { grammar } = ecosystemOf(osv) as Ecosystem;
        asked = edgesOf(records, neighbours).filter(({ version }) => grammar.installed(version) !== undefined);
        matches = matchesOf(osv, records, asked);
        expected = new Set(
          matches.flatMap(({ name, version, record }) => idsOf(record).map((id) => `${name} ${version} ${id}`)),
        );
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

      test('the reference differs only where it is known why', () => {
        // Of events in no order it makes ranges that OSV does not have.
        const more = [...theirs].filter((finding) => !ours.has(finding));
        expect(more).toEqual(osv === 'PyPI' ? ['wagtail 2.11.7.dev0 CVE-2021-29434'] : []);
        const lacking = [...ours].filter((finding) => !theirs.has(finding));
        expect(lacking.filter((finding) => !isExplained(finding, osv, records))).toEqual([]);
      });

      const judge = 'osv-scanner, which reads the records themselves';
      test.runIf(isKnownToOsvScanner(osv))(`${judge}, finds the same`, { timeout: 300_000 }, async () => {
        // It takes events as they come where two of them name one version.
        const { grammar } = ecosystemOf(osv) as Ecosystem;
        const isOrderly = ({ affected = [] }: OsvRecord): boolean =>
          affected.flatMap(rangesOf).every(({ events }) => {
            const isReadable = events.every((event) => grammar.bound(boundOf(event)) !== undefined);
            return isReadable && isInOrder(events, orderOf(osv));
          });
        const judged = records.filter(isOrderly).map((record) => judgeable(record, osv));
        expect(records.length - judged.length).toBeLessThan(records.length / 10);
        const installed = asked.map(({ name, version }) => ({ name: judgeableName(osv, name), version }));
        const spell = ({ name, version }: Installed, id: string) => `${judgeableName(osv, name)} ${version} ${id}`;
        const found = new Set((await scanWithOsvScanner(osv, judged, installed)).map((each) => spell(each, each.id)));
        const wanted = new Set(matchesOf(osv, judged, installed).map((each) => spell(each, each.record.id)));
        const lacking = [...wanted].filter((finding) => !found.has(finding));
        const more = [...found].filter((finding) => !wanted.has(finding));
        expect({ lacking, more }).toEqual({ lacking: [], more: [] });
        expect(wanted.size).toBeGreaterThan(extent[2] / 2);
      });
    });
  },
);

/** Every bound of every range, and what lies next to it on the other side: after a last version, before another bound. */
function edgesOf(records: readonly OsvRecord[], neighbours: Real['neighbours'] = neighboursOf): Installed[] {
  const found = new Map<string, Installed>();
  for (const entry of records.flatMap((record) => record.affected ?? [])) {
    const name = entry.package?.name ?? '';
    const events = rangesOf(entry).flatMap((range) => range.events.flatMap((event) => Object.entries(event)));
    for (const [kind, bound] of events.filter(([, text]) => text !== '0')) {
      for (const version of [bound, ...neighbours(kind, bound)]) found.set(`${name} ${version}`, { name, version });
    }
  }
  return [...found.values()];
}

function rangesOf({ ranges = [] }: OsvAffected): NonNullable<OsvAffected['ranges']> {
  return ranges.filter(({ type }) => type !== 'GIT');
}

/** A build number of Julia's stays, and has another beside it. */
function neighboursOf(kind: string, bound: string): readonly string[] {
  const [version = '', build] = bound.split('+');
  const next = semverNeighbours(version).at(-1);
  const around = semverNeighbours(version).filter((each) => kind === 'last_affected' || each !== next);
  if (build === undefined) return around;
  return [...around.map((each) => `${each}+${build}`), `${version}+${Number(build) + 1}`];
}

/** A version that is asked about, and a record that affects it. */
interface Match extends Installed {
  readonly record: OsvRecord;
}

/** What the OSV evaluation algorithm says. */
function matchesOf(osv: string, records: readonly OsvRecord[], asked: readonly Installed[]): Match[] {
  const { normalise } = ecosystemOf(osv) as Ecosystem;
  const versions = Map.groupBy(asked, ({ name }) => normalise(name));
  const found: Match[] = [];
  for (const record of records.filter(({ withdrawn }) => withdrawn === undefined)) {
    const own = Map.groupBy(record.affected ?? [], (entry) => normalise(entry.package?.name ?? ''));
    for (const [key, entries] of own) {
      const readable = entries.map((entry) => readableOf(osv, entry));
      for (const { name, version } of versions.get(key) ?? []) {
        if (isAffected(version, { ecosystem: osv, entries: readable, installed: [] }))
          found.push({ name, version, record });
      }
    }
  }
  return found;
}

/** An entry without commits, and without listed versions that are none. */
function readableOf(osv: string, entry: OsvAffected): OsvEntry {
  const { grammar } = ecosystemOf(osv) as Ecosystem;
  const versions = (entry.versions ?? []).filter((text) => grammar.installed(text) !== undefined);
  return { ...entry, ranges: rangesOf(entry), versions } as unknown as OsvEntry;
}

/** osv-scanner reads nothing but the list of versions where there is one, and looks Go modules up in lower case. */
function judgeable(record: OsvRecord, osv: string): OsvRecord {
  const affected = (record.affected ?? []).map((entry) => ({
    package: { ecosystem: osv, name: judgeableName(osv, entry.package?.name ?? '') },
    ranges: rangesOf(entry),
  }));
  return { ...record, affected };
}

function judgeableName(osv: string, name: string): string {
  return osv === 'Go' ? name.toLowerCase() : (ecosystemOf(osv) as Ecosystem).normalise(name);
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
  const { grammar, normalise } = ecosystemOf(osv) as Ecosystem;
  const entriesOf = ({ affected = [] }: OsvRecord): readonly OsvAffected[] =>
    affected.filter((entry) => normalise(entry.package?.name ?? '') === normalise(name));
  const telling = records.filter((record) => idsOf(record).includes(id) && entriesOf(record).length > 0);
  // Of a record's CVE ids it keeps one, and of several records on one package and id the last.
  if (telling.length > 1 || telling.some((record) => idsOf(record).length > 1)) return true;
  // It drops every id with a text that cites a rejection, whoever publishes the record; ours only the CVE record itself.
  if (telling.some(({ details = '' }) => details.startsWith('Rejected reason:'))) return true;
  const entries = telling.flatMap(entriesOf);
  // A listed version that trivy cannot read disables the advisory there, or is one of which it reads the first letter.
  if (entries.some(({ versions = [] }) => versions.some((text) => grammar.installed(text)?.text !== text))) return true;
  const ranges = entries.flatMap(rangesOf);
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
  const bounds = events.map(boundOf);
  return bounds.every((bound, i) => i === 0 || order(bounds[i - 1] as string, bound) <= 0);
}

function boundOf({ introduced, fixed, last_affected: last }: Readonly<Record<string, string>>): string {
  return introduced ?? fixed ?? last ?? '0';
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
