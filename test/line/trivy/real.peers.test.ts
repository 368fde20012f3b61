import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { buildReferenceDb, runPeer } from '../../peers/peers.ts';
import { describeRealData, realSource } from '../real-data.ts';
import { cveIdsOf, explained, fixesAffected, isOfRanges, isPep440, repair } from './explained.ts';
import { differences, type Finding } from './findings.ts';
import { goMod, requirementsTxt, writeLockFiles } from './lock-files.ts';
import { type Probes, probesOf, pythonNeighbours, rounds, semverNeighbours } from './probes.ts';
import { type OsvRecord, readRecords } from './records.ts';
import { scanPeers, scanWithoutRoute } from './scan.ts';

const zips = { go: realSource('osv-go-2026-08-22'), pip: realSource('osv-pypi-2024-10-11') } as const;
const sources = {
  go: { id: 'govulndb', name: 'The Go Vulnerability Database', url: 'https://pkg.go.dev/vuln/' },
  pip: {
    id: 'osv',
    name: 'Python Packaging Advisory Database',
    url: 'https://github.com/pypa/advisory-database',
  },
} as const;
const ecosystems = ['go', 'pip'] as const;
type Ecosystem = (typeof ecosystems)[number];

/** So many versions of a package, and all around the records in which the reference errs. */
const extent = { most: 8, whole: Object.keys(explained) };

/** An advisory with one id and one package, to be taken away. */
const removed = { record: 'GO-2022-0603', id: 'CVE-2022-28948', name: 'gopkg.in/yaml.v3' };

describeRealData([...scanPeers, 'bbolt'], 'trivy with our database of Go and PyPI records', () => {
  let dir: string;
  let records: readonly OsvRecord[];
  let probes: Readonly<Record<Ecosystem, Probes>>;
  let scans: ReadonlyMap<string, readonly Finding[]>;
  const scan = (name: string): readonly Finding[] => scans.get(name) ?? [];

  beforeAll(async () => {
    dir = await makeTempDir();
    const read = async (ecosystem: Ecosystem): Promise<OsvRecord[]> => {
      const folder = join(dir, ecosystem);
      execFileSync('unzip', ['-q', zips[ecosystem], '-d', folder]);
      return readRecords(folder);
    };
    const [go, pip] = [await read('go'), await read('pip')];
    records = [...go, ...pip];
    probes = {
      go: probesOf(go, { ecosystem: 'Go', neighbours: semverNeighbours, ...extent }),
      pip: probesOf(pip, { ecosystem: 'PyPI', neighbours: pythonNeighbours, ...extent }),
    };
    await writeLockFiles(join(dir, 'app', 'go'), goMod, rounds(probes.go));
    await writeLockFiles(join(dir, 'app', 'pip'), requirementsTxt, rounds(probes.pip));
    await writeRepaired(join(dir, 'repaired', 'go'), go);
    await writeRepaired(join(dir, 'repaired', 'pip'), pip);
    await buildReference('reference', dir);
    await buildReference('reference-repaired', join(dir, 'repaired'));
    scans = await scanWithoutRoute(dir, [
      { name: 'ours', sources: [zips.go, zips.pip] },
      { name: 'fewer', sources: ['go', 'pip'], without: `go/${removed.record}.json` },
      { name: 'theirs', reference: 'reference' },
      { name: 'repaired', reference: 'reference-repaired' },
    ]);
  }, 600_000);

  function buildReference(out: string, folder: string): Promise<string> {
    const inputs = ecosystems.map((ecosystem) => ({ ecosystem, ...sources[ecosystem], dir: join(folder, ecosystem) }));
    return buildReferenceDb(join(dir, out), inputs);
  }

  test('bbolt finds every page of what trivy fetched valid', async () => {
    expect(await runPeer('bbolt', ['check', join(dir, 'ours.db')])).toEqual({ code: 0, stdout: 'OK\n', stderr: '' });
  });

  test.each(ecosystems)('%s: thousands of package versions are asked, on both sides of the bounds', (ecosystem) => {
    const asked = [...probes[ecosystem]].flatMap(([name, versions]) => versions.map((version) => `${name} ${version}`));
    const found = scan('ours').filter(({ lockFile }) => lockFile.startsWith(`${ecosystem}/`));
    const affected = new Set(found.map(({ name, installed }) => `${name} ${installed}`));
    expect(asked.length).toBeGreaterThan(4000);
    expect(affected.size).toBeGreaterThan(2000);
    expect(affected.size).toBeLessThan(asked.length);
  });

  test('the same findings as with the reference of the same records, where these do not mislead it', () => {
    const found = differences(scan('ours'), scan('repaired'));
    expect(found.filter((each) => !isOfRanges(each))).toEqual([]);
    const named = new Set(found.map(({ finding: { name, id } }) => `${name} ${id}`));
    expect(fixesAffected.filter((each) => !named.has(each))).toEqual([]);
    expect(found.filter(({ what }) => what === 'only ours').length).toBeGreaterThan(500);
  });

  test('the reference of the records as they are lacks the findings that are explained one by one, and no other', () => {
    const lost = new Set(Object.values(explained).flatMap((reason) => ('lost' in reason ? reason.lost : [])));
    // A lost id is explained by that alone, whatever its ranges are.
    const found = differences(scan('ours'), scan('theirs')).filter(
      (each) => !isOfRanges(each) || (each.what === 'only ours' && lost.has(each.finding.id)),
    );
    expect(found.filter(({ what }) => what !== 'only ours')).toEqual([]);
    const lacking = new Map<string, Set<string>>();
    for (const { finding } of found) {
      const record = recordOf(finding);
      lacking.set(record, (lacking.get(record) ?? new Set()).add(finding.id));
    }
    expect([...lacking.keys()].sort()).toEqual(Object.keys(explained).sort());
    for (const [id, reason] of Object.entries(explained)) {
      const record = records.find((each) => each.id === id) as OsvRecord;
      const ids = [...(lacking.get(id) ?? [])].sort();
      if ('lost' in reason) {
        expect({ id, ids }).toEqual({ id, ids: reason.lost });
        expect(cveIdsOf(record).slice(1).sort()).toEqual(reason.lost);
      } else {
        expect({ id, ids }).toEqual({ id, ids: cveIdsOf(record) });
        expect(isPep440(reason.unreadable)).toBe(false);
        expect(record.affected?.flatMap(({ versions = [] }) => versions)).toContain(reason.unreadable);
      }
    }
  });

  test('without one advisory its findings are missing, and nothing else: the comparison can fail', () => {
    const found = differences(scan('fewer'), scan('repaired')).filter((each) => !isOfRanges(each));
    expect(found.length).toBeGreaterThan(0);
    for (const { what, finding } of found) {
      expect({ what, id: finding.id, name: finding.name }).toEqual({
        what: 'only theirs',
        id: removed.id,
        name: removed.name,
      });
    }
  });

  const told = new Map<string, string>();

  /** The one record that tells of a finding which the reference lacks. */
  function recordOf({ id, name }: Finding): string {
    const known = told.get(`${id} ${name}`);
    if (known !== undefined) return known;
    const isAbout = ({ affected = [] }: OsvRecord): boolean =>
      affected.some((entry) => entry.package?.name.toLowerCase() === name.toLowerCase());
    const telling = records.filter((record) => cveIdsOf(record).includes(id) && isAbout(record));
    expect(telling, `${id} of ${name}`).toHaveLength(1);
    const record = telling[0]?.id ?? '';
    told.set(`${id} ${name}`, record);
    return record;
  }
});

async function writeRepaired(folder: string, records: readonly OsvRecord[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const record of records) {
    for (const [i, repaired] of repair(record).entries()) {
      await writeFile(join(folder, `${record.id}-${i}.json`), JSON.stringify(repaired));
    }
  }
}
