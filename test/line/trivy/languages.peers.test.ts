import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import type { JsonObject } from '#core';
import type { VersionGrammar } from '#versions';
import { type Ecosystem, ecosystemOf } from '../../../src/artifacts/ecosystems.ts';
import { buildOf } from '../../artifacts/trivy/fixture.ts';
import { isAffected, type OsvCase, orderOf, osvCases, versionsOf } from '../../artifacts/trivy/osv-evaluation.ts';
import { type DatabaseFiles, type StockFinding, scanWithDatabase } from '../../artifacts/trivy/stock-trivy.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { buildReferenceDb, describePeers } from '../../peers/peers.ts';
import { type Installed, type Language, languages } from './languages.ts';
import { isKnownToOsvScanner, scanWithOsvScanner } from './osv-scanner.ts';
import type { OsvRecord } from './records.ts';

/** Of each ecosystem. */
const records = 60;
const seed = 20_261_130;

/** A record of one package, and versions of that with what the OSV evaluation algorithm says of them. */
interface Made {
  readonly record: JsonObject;
  readonly installed: readonly (Installed & { readonly affected: boolean })[];
}

function madeOf(osvCase: OsvCase, index: number): Made {
  const { ecosystem } = osvCase;
  const language = languages[ecosystem] as Language;
  const name = language.name(`Web${index}`);
  const affected = osvCase.entries.map((entry) => ({ ...entry, package: { ...entry.package, name } }));
  const versions = [...new Set(osvCase.installed)];
  return {
    record: { id: `${ecosystem}-${index}`, affected } as unknown as JsonObject,
    installed: versions.map((version) => ({ name, version, affected: isAffected(version, osvCase) })),
  };
}

/** Records whose ranges are as a careful publisher writes them: in order, each beginning with its own end. */
function orderly(ecosystem: string): fc.Arbitrary<OsvCase> {
  const order = orderOf(ecosystem);
  const { grammar } = ecosystemOf(ecosystem) as { grammar: VersionGrammar };
  // Of some spellings of PyPI trivy reads the first letter alone; the reference writes them as they are.
  const version = versionsOf[ecosystem]?.filter((text) => grammar.bound(text)?.text === text) as fc.Arbitrary<string>;
  const isOne = (a: string, b: string): boolean => {
    const [one, other] = [grammar.bound(a)?.version, grammar.bound(b)?.version];
    return (grammar.compareBounds ?? grammar.compare)(one, other) === 0;
  };
  const pool = fc.uniqueArray(version, { minLength: 6, maxLength: 9, comparator: isOne });
  return fc.record({ pool, isFromStart: fc.boolean(), isOpen: fc.boolean(), isLast: fc.boolean() }).map((made) => {
    const [first = '', second = '', third = '', fourth = ''] = made.pool.slice(0, 4).sort(order);
    const end = made.isOpen ? [] : [made.isLast ? { last_affected: fourth } : { fixed: fourth }];
    const events = [{ introduced: made.isFromStart ? '0' : first }, { fixed: second }, { introduced: third }, ...end];
    const entry = { package: { ecosystem, name: 'p' }, ranges: [{ type: 'ECOSYSTEM' as const, events }], versions: [] };
    return { ecosystem, entries: [entry], installed: made.pool };
  });
}

type Kinds = Readonly<Record<string, readonly Made[]>>;

function sample(ecosystems: readonly string[], casesOf: (ecosystem: string) => fc.Arbitrary<OsvCase>): Kinds {
  return Object.fromEntries(
    ecosystems.map((osv) => [osv, fc.sample(casesOf(osv), { numRuns: records, seed }).map(madeOf)] as const),
  );
}

/** `name version id` of each finding. Trivy takes case away from some names. */
const spell = (name: string, version: string, id: string): string => `${name.toLowerCase()} ${version} ${id}`;

function expectedOf(made: readonly Made[]): string[] {
  return made
    .flatMap(({ record, installed }) =>
      installed.flatMap(({ name, version, affected }) => {
        const found = name.replace(/^https:\/\//, '').replace(/\.git$/, '');
        return affected ? [spell(found, version, String(record['id']))] : [];
      }),
    )
    .sort();
}

/** Scans with a database what it takes to find all that is installed: one SBOM, and the projects of Julia. */
async function scanAll(database: DatabaseFiles, kinds: Kinds): Promise<readonly StockFinding[]> {
  const inventories = Object.entries(kinds).map(([osv, made]) => {
    const language = languages[osv] as Language;
    return language.inventory(made.flatMap(({ installed }) => installed));
  });
  const [packages, projects] = [inventories.filter(Array.isArray), inventories.filter((each) => !Array.isArray(each))];
  const found: StockFinding[] = [];
  for (const each of [packages.flat() as string[], ...projects])
    found.push(...(await scanWithDatabase(database, each)));
  return found;
}

async function ourDatabase(kinds: Kinds): Promise<DatabaseFiles> {
  const { members } = await buildOf(Object.values(kinds).flatMap((made) => made.map(({ record }) => record)));
  return Object.fromEntries(members.map(({ header, bytes }) => [header.name, bytes]));
}

async function referenceDatabase(kinds: Kinds): Promise<DatabaseFiles> {
  const dir = await makeTempDir();
  const sources = [];
  for (const [osv, made] of Object.entries(kinds)) {
    const folder = join(dir, osv);
    await mkdir(folder);
    for (const { record } of made) {
      const text = JSON.stringify({ modified: '2026-01-01T00:00:00Z', ...record });
      await writeFile(join(folder, `${String(record['id'])}.json`), text);
    }
    const ecosystem = languages[osv]?.reference as string;
    sources.push({ ecosystem, id: 'osv', name: 'Open Source Vulnerabilities', url: 'https://osv.dev/', dir: folder });
  }
  await buildReferenceDb(join(dir, 'out'), sources);
  const names = ['trivy.db', 'metadata.json'];
  const files = await Promise.all(names.map((name) => readFile(join(dir, 'out', name))));
  return Object.fromEntries(names.map((name, i) => [name, files[i] as Buffer]));
}

/** Of findings those of an ecosystem, which the id tells. */
function foundIn(findings: readonly StockFinding[], osv: string): string[] {
  return findings
    .filter(({ id }) => id.startsWith(`${osv}-`))
    .map(({ installed, id }) => {
      const at = installed.lastIndexOf(' ');
      return spell(installed.slice(0, at), installed.slice(at + 1), id);
    })
    .sort();
}

const all = Object.keys(languages);
const known = all.filter((osv) => languages[osv]?.reference !== undefined);

describePeers(['trivy'], 'trivy with a database of made-up records', () => {
  const kinds = sample(all, osvCases);
  let found: readonly StockFinding[];

  beforeAll(async () => {
    found = await scanAll(await ourDatabase(kinds), kinds);
  }, 300_000);

  test.each(all)('reports of %s what the OSV evaluation algorithm says', (osv) => {
    const made = kinds[osv] as readonly Made[];
    const expected = expectedOf(made);
    expect(made.flatMap(({ installed }) => installed).length).toBeGreaterThan(200);
    expect(expected.length).toBeGreaterThan(50);
    expect(foundIn(found, osv)).toEqual(expected);
  });
});

describePeers(['trivy', 'trivydb-ref'], 'trivy with our database and with the reference of the same records', () => {
  const kinds = sample(known, orderly);
  let [ours, theirs]: (readonly StockFinding[])[] = [];

  beforeAll(async () => {
    ours = await scanAll(await ourDatabase(kinds), kinds);
    theirs = await scanAll(await referenceDatabase(kinds), kinds);
  }, 300_000);

  test.each(known)('%s: finds the same, but for versions that sort below 0', (osv) => {
    const made = kinds[osv] as readonly Made[];
    const expected = expectedOf(made);
    expect(made.flatMap(({ installed }) => installed).length).toBeGreaterThan(200);
    expect(foundIn(ours ?? [], osv)).toEqual(expected);
    const order = orderOf(osv);
    // The reference writes "from the beginning" as `>=0` where a range has no end.
    const isBelow = (finding: string): boolean => order(finding.split(' ')[1] ?? '', '0') < 0;
    const [has, wanted] = [new Set(foundIn(theirs ?? [], osv)), new Set(expected)];
    expect(expected.filter((finding) => !has.has(finding) && !isBelow(finding))).toEqual([]);
    expect([...has].filter((finding) => !wanted.has(finding))).toEqual([]);
    expect(has.size).toBeGreaterThan(50);
  });

  test('a record that is missing is noticed: the comparison can fail', async () => {
    const [first, ...others] = kinds['RubyGems'] as readonly Made[];
    const found = await scanAll(await ourDatabase({ RubyGems: others }), { RubyGems: kinds['RubyGems'] as Made[] });
    const expected = expectedOf(kinds['RubyGems'] as Made[]);
    const lacking = expected.filter((finding) => !foundIn(found, 'RubyGems').includes(finding));
    expect(lacking).toEqual(expectedOf([first as Made]));
    expect(lacking.length).toBeGreaterThan(0);
  });
});

/** Where osv-scanner differs: it orders pre-releases of Composer as PHP does, and Trivy as any other's. */
const composer = {
  lacking: ['acme/web10 1.3-beta.2 Packagist-10'],
  more: ['acme/web23 v1.2.0-RC1 Packagist-23'],
};

describePeers(['osv-scanner'], 'osv-scanner with the same records', () => {
  const judged = known.filter(isKnownToOsvScanner);
  const kinds = sample(judged, orderly);

  test.each(judged)('%s: finds the same', async (osv) => {
    const made = kinds[osv] as readonly Made[];
    const { normalise } = ecosystemOf(osv) as Ecosystem;
    // It looks up names of PyPI as they are normalised, in a record too.
    const nameOf = (name: string): string => (osv === 'PyPI' ? normalise(name) : name);
    const records = made.map(({ record }) => renamed(record as unknown as OsvRecord, nameOf));
    const installed = made.flatMap((each) => each.installed.map((one) => ({ ...one, name: nameOf(one.name) })));
    const lines = (await scanWithOsvScanner(osv, records, installed)).map((each) =>
      spell(normalise(each.name), each.version, each.id),
    );
    const [has, wanted] = [new Set(lines), new Set(expectedOf(made))];
    const lacking = [...wanted].filter((finding) => !has.has(finding));
    const more = [...has].filter((finding) => !wanted.has(finding));
    expect({ lacking, more }).toEqual(osv === 'Packagist' ? composer : { lacking: [], more: [] });
  });
});

function renamed(record: OsvRecord, nameOf: (name: string) => string): OsvRecord {
  const affected = (record.affected ?? []).map((entry) => ({
    ...entry,
    package: { ecosystem: entry.package?.ecosystem ?? '', name: nameOf(entry.package?.name ?? '') },
  }));
  return { ...record, affected };
}
