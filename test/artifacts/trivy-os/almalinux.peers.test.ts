import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { collectRecords, type RecordSet } from '#evidence';
import { readJson } from '../../core/read-json.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describePeers, runPeer } from '../../peers/peers.ts';
import { type BuiltDb, buildSet, lossesOf } from '../trivy/fixture.ts';
import { listWithDatabase, SystemInventory } from '../trivy/stock-trivy.ts';

const zip = join(import.meta.dirname, '../../../../shared/data/osv-almalinux-2026-08-21.zip');
const present = existsSync(zip);
if (!present) console.warn(`skipped: real evidence is absent (${zip})`);

test.runIf(process.env['CI'] === 'true')('CI has the errata of AlmaLinux', () => {
  expect(present).toBe(true);
});

/** Of a package, the versions that fix each vulnerability, by record. */
type Fixes = Map<string, Set<string>>;

/** What the records say, read without the code that is under test. */
interface Errata {
  /** By release, then by `module:stream::name`, or by name, whose last colon is before it. */
  readonly packages: ReadonlyMap<string, ReadonlyMap<string, Fixes>>;
  /** Entries of packages of a module that the title does not name. */
  readonly unnamed: number;
  /** Errata that fix no vulnerability. */
  readonly bugFixes: number;
}

interface Erratum {
  readonly id: string;
  readonly summary: string;
  readonly related: readonly string[];
  readonly affected: readonly {
    readonly package: { readonly ecosystem: string; readonly name: string };
    readonly ranges: readonly { readonly events: readonly { readonly fixed?: string }[] }[];
  }[];
}

async function collect(): Promise<RecordSet> {
  const workDir = await makeTempDir();
  return await collectRecords({ sources: [zip], selector: {}, withholdInvalid: false, workDir });
}

async function* readErrata(): AsyncGenerator<Erratum> {
  const set = await collect();
  for await (const batch of set.batches('advisories')) {
    for (const { bytes } of batch) yield readJson(Buffer.from(bytes).toString('utf8')) as unknown as Erratum;
  }
}

async function gather(): Promise<Errata> {
  const packages = new Map<string, Map<string, Fixes>>();
  let [unnamed, bugFixes] = [0, 0];
  for await (const erratum of readErrata()) {
    if (idsOf(erratum).length === 0) {
      bugFixes++;
      continue;
    }
    const streams = [...erratum.summary.matchAll(/(?:^|\s)([\w.-]+:[\w.-]+)(?=\s|$)/g)].map(
      ([, stream]) => `${stream}::`,
    );
    for (const { package: found, ranges } of erratum.affected) {
      const fixes = ranges.flatMap(({ events }) => events.flatMap(({ fixed }) => fixed ?? []));
      const isModular = fixes.some((fixed) => fixed.includes('.module_el'));
      if (isModular && streams.length === 0) unnamed++;
      const release = mapIn(packages, found.ecosystem, () => new Map<string, Fixes>());
      for (const prefix of isModular ? streams : ['']) addFixes(release, prefix + found.name, idsOf(erratum), fixes);
    }
  }
  return { packages, unnamed, bugFixes };
}

function idsOf({ id, related }: Erratum): readonly string[] {
  const cves = related.filter((each) => each.startsWith('CVE-'));
  return cves.length > 0 || !id.startsWith('ALSA-') ? cves : [id];
}

function addFixes(release: Map<string, Fixes>, key: string, ids: readonly string[], fixes: readonly string[]): void {
  const byId = mapIn(release, key, () => new Map<string, Set<string>>());
  for (const id of ids) for (const fixed of fixes) mapIn(byId, id, () => new Set<string>()).add(fixed);
}

function mapIn<V>(map: Map<string, V>, key: string, make: () => V): V {
  const known = map.get(key) ?? make();
  map.set(key, known);
  return known;
}

/** For each text of versions with spaces between, what Go's comparer says of the first and each other: `<`, `=` or `>`. */
async function compareAll(lines: readonly (readonly string[])[]): Promise<string[]> {
  const input = `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`;
  const { stdout } = await runPeer('trivy-versions', ['rpm'], { input });
  return stdout.split('\n').map((answer) => answer.slice(1));
}

interface Installed {
  readonly key: string;
  readonly name: string;
  readonly version: string;
}

/**
 * Of each package every version that fixes something, each once: trivy takes packages of one name and version for one,
 * whatever their module.
 */
function installedOf(packages: ReadonlyMap<string, Fixes>): Installed[] {
  const found = new Map<string, Installed>();
  for (const [key, byId] of packages) {
    const name = key.slice(key.lastIndexOf(':') + 1);
    for (const fixes of byId.values()) {
      for (const version of fixes) mapIn(found, `${name} ${version}`, () => ({ key, name, version }));
    }
  }
  return [...found.values()];
}

/** What trivy should find: of a version, what another one fixes that is later. */
async function expectedOf(installed: readonly Installed[], packages: ReadonlyMap<string, Fixes>): Promise<string[]> {
  const questions = installed.map((each) => {
    const byId: Fixes = packages.get(each.key) ?? new Map();
    return { ...each, byId, all: [...new Set([...byId.values()].flatMap((fixes) => [...fixes]))] };
  });
  const answers = await compareAll(questions.map(({ version, all }) => [version, ...all]));
  return questions.flatMap(({ name, version, byId, all }, i) => {
    const later = new Set(all.filter((_, at) => answers[i]?.[at] === '<'));
    const ids = [...byId].filter(([, fixes]) => [...fixes].some((fixed) => later.has(fixed)));
    return ids.map(([id]) => `${name} ${version} ${id}`);
  });
}

function purlOf({ key, name, version }: Installed): string {
  const [stream] = key.includes('::') ? key.split('::', 1) : [];
  const label = stream === undefined ? '' : `&modularitylabel=${encodeURIComponent(`${stream}:1:a`)}`;
  const [own = '', epoch = '0'] = version.split(':').reverse();
  return `rpm/alma/${name}@${encodeURIComponent(own)}?epoch=${epoch}${label}`;
}

describe.runIf(present)('the errata of AlmaLinux', () => {
  describePeers(['trivy', 'trivy-versions'], 'as a database', () => {
    let errata: Errata;
    let built: BuiltDb;

    beforeAll(async () => {
      errata = await gather();
      built = await buildSet(await collect());
    }, 300_000);

    test.each(['8', '9', '10'])(
      'gives stock Trivy what the records say of release %s',
      async (release) => {
        const packages = errata.packages.get(`AlmaLinux:${release}`) ?? new Map<string, Fixes>();
        const installed = installedOf(packages);
        const expected = await expectedOf(installed, packages);
        const files = Object.fromEntries(built.members.map(({ header, bytes }) => [header.name, bytes]));
        const found = await listWithDatabase(files, new SystemInventory('alma', `${release}.0`, installed.map(purlOf)));
        expect(expected.length).toBeGreaterThan(1000);
        expect(new Set(found)).toEqual(new Set(expected));
      },
      300_000,
    );

    test('loses nothing but bug fixes, and packages of modules that no title names', () => {
      const { moduleNotCarried, bugFixOnly, ...others } = lossesOf(built.report);
      expect(moduleNotCarried).toMatch(new RegExp(`^${errata.unnamed}: `));
      expect(bugFixOnly).toMatch(new RegExp(`^${errata.bugFixes}: `));
      expect(Object.keys(others)).toEqual(['nothingCarried']);
      expect(built.report.withheld).toEqual([]);
    });
  });
});
