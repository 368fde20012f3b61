import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JsonObject } from '#core';
import { readJson } from '../../core/read-json.ts';
import { EvidenceFixture } from '../../evidence/fixture.ts';
import { type BuiltDb, buildSet, lossesOf, rowOf } from './fixture.ts';

/** An advisory with every member that the database takes something of. */
function advisory(id: string): JsonObject {
  return {
    schema_version: '1.7.3',
    id,
    modified: '2026-01-02T03:04:05Z',
    published: '2026-01-01T00:00:00Z',
    aliases: ['GHSA-aaaa-bbbb-cccc'],
    related: ['X-1'],
    upstream: ['X-2'],
    summary: 'summary',
    details: 'details',
    severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H' }],
    references: [{ type: 'WEB', url: 'https://example.com/' }],
    credits: [{ name: 'Someone' }],
    database_specific: { severity: 'HIGH', cwe_ids: ['CWE-79'] },
    affected: [
      {
        package: { ecosystem: 'npm', name: `package-of-${id.toLowerCase()}`, purl: 'pkg:npm/x' },
        severity: [],
        ranges: [{ type: 'SEMVER', events: [{ introduced: '1.0.0' }, { fixed: '2.0.0' }], database_specific: {} }],
        versions: ['3.0.0'],
        ecosystem_specific: {},
        database_specific: {},
      },
    ],
  };
}

/** Places that rows do not depend on, and what else than a value of their own may stand there. */
const places = [
  ['schema_version'],
  ['published'],
  ['withdrawn'],
  ['aliases'],
  ['aliases', 0],
  ['related'],
  ['upstream'],
  ['upstream', 0],
  ['summary'],
  ['details'],
  ['severity'],
  ['severity', 0],
  ['severity', 0, 'type'],
  ['severity', 0, 'score'],
  ['references'],
  ['references', 0],
  ['references', 0, 'type'],
  ['references', 0, 'url'],
  ['credits'],
  ['credits', 0, 'name'],
  ['database_specific'],
  ['database_specific', 'severity'],
  ['database_specific', 'cwe_ids'],
  ['a_newer_member'],
  ['affected', 0, 'package', 'purl'],
  ['affected', 0, 'severity'],
  ['affected', 0, 'ecosystem_specific'],
  ['affected', 0, 'database_specific'],
  ['affected', 0, 'ranges', 0, 'database_specific'],
  ['affected', 0, 'ranges', 0, 'repo'],
  ['affected', 0, 'ranges', 0, 'type'],
  ['affected', 0, 'a_newer_member'],
] as const;

const junk = fc.oneof(
  fc.constantFrom(null, true, 0, -1.5, '', 'x', '\u0000', '\u2028', [], {}, [null], [1], [{}], [[]], { a: [1] }),
  fc.jsonValue({ maxDepth: 2 }),
);

/** The rows of packages: bucket, package, id, and the versions that they speak of. */
function rowsOf({ dump }: BuiltDb): string[] {
  return [...dump].flatMap(([key, value]) => {
    if (!key.startsWith('npm::') || value === '{}') return [];
    const { VulnerableVersions, PatchedVersions } = readJson(value);
    return [`${key} ${JSON.stringify([VulnerableVersions, PatchedVersions])}`];
  });
}

/** What the database says of a vulnerability. */
function detailOf({ dump }: BuiltDb, id: string): JsonObject {
  const key = [...dump.keys()].find(
    (name) => name.startsWith(`vulnerability | ${id} |`) || name === `vulnerability | ${id}`,
  );
  return rowOf(dump, key ?? id);
}

async function build(records: readonly string[], withholdInvalid = false): Promise<BuiltDb> {
  await using fixture = await EvidenceFixture.make();
  const set = await fixture.collect([await fixture.file('all.jsonl', records.join('\n'))], { withholdInvalid });
  try {
    return await buildSet(set);
  } finally {
    await set.close();
  }
}

function put(record: JsonObject, place: readonly (string | number)[], value: unknown): void {
  let parent = record as Record<string | number, unknown>;
  for (const step of place.slice(0, -1)) parent = parent[step] as typeof parent;
  parent[place.at(-1) as string | number] = value;
}

test('junk in members that rows do not need leaves every row of a record as it is', async () => {
  const slips = fc.array(fc.tuple(fc.constantFrom(...places), junk), { minLength: 1, maxLength: 4 });
  const ids = Array.from({ length: 600 }, (_, n) => `ACME-${n}`);
  const wanted = rowsOf(await build(ids.map((id) => JSON.stringify(advisory(id)))));
  expect(wanted.length).toBe(ids.length);
  const drawn = fc.sample(slips, { numRuns: ids.length, seed: 20_261_130 });
  const spoilt = ids.map((id, index) => {
    const record = advisory(id);
    // Places within one another: the inner one first, so that it is still there.
    const chosen = (drawn[index] ?? []).toSorted(([a], [b]) => b.length - a.length);
    for (const [place, value] of chosen) put(record, place, value);
    return JSON.stringify(record);
  });
  expect(rowsOf(await build(spoilt))).toEqual(wanted);
});

test('each slip is left out alone, and named by record and place', async () => {
  const cases: [place: readonly (string | number)[], value: unknown, pointer: string][] = [
    [['summary'], null, '/summary'],
    [['credits'], null, '/credits'],
    [['published'], 'yesterday', '/published'],
    [['severity', 0, 'type'], 'SSVC', '/severity/0/type'],
    [['severity', 0, 'score'], 'CVSS:4.0/AV:N', '/severity/0/score'],
    [['references', 0], { type: 'ADVISORY' }, '/references/0'],
    [['database_specific'], null, '/database_specific'],
    [['affected', 0, 'versions'], null, '/affected/0/versions'],
  ];
  const records = cases.map(([place, value], index) => {
    const record = advisory(`ACME-${index}`);
    put(record, place, value);
    return JSON.stringify(record);
  });
  const built = await build([...records, JSON.stringify(advisory('SOUND'))]);
  const named = cases.map(([, , pointer], index) => `ACME-${index} 1 ${pointer}`);
  expect(lossesOf(built.report)).toEqual({ memberInvalid: `${cases.length}: ${named.join(', ')}` });
  expect(rowsOf(built).length).toBe(cases.length + 1);
  const detail = (index: number) => detailOf(built, `ACME-${index}`);
  expect(detail(0)).toMatchObject({ Description: 'details', Severity: 'HIGH' });
  expect(detail(0)).not.toHaveProperty('Title');
  expect(detail(2)).not.toHaveProperty('PublishedDate');
  expect(detail(1)).toMatchObject({ Title: 'summary', PublishedDate: '2026-01-01T00:00:00Z' });
});

test('integers that a double does not hold, anywhere, keep the record and its rows', async () => {
  const big = JSON.stringify(advisory('ACME-1')).replace(
    '"cwe_ids"',
    '"n":12345678901234567890,"\\u006d":1e400,"cwe_ids"',
  );
  expect(rowsOf(await build([big]))).toEqual(rowsOf(await build([JSON.stringify(advisory('ACME-1'))])));
});

test('times in other forms are read for what they mean', async () => {
  const forms: [written: string, meant: string][] = [
    ['2026-10-01T02:00:00+02:00', '2026-10-01T00:00:00Z'],
    ['2026-10-01', '2026-10-01T00:00:00Z'],
    ['2026-10-01T02:00Z', '2026-10-01T02:00:00Z'],
    ['2026-10-01 02:00:00', '2026-10-01T02:00:00Z'],
    ['2026-10-01t02:00:00z', '2026-10-01T02:00:00Z'],
    ['2026-10-01T02:00:00.1234567891Z', '2026-10-01T02:00:00.123456789Z'],
    ['2016-12-31T23:59:60Z', '2017-01-01T00:00:00Z'],
  ];
  const built = await build(
    forms.map(([modified], index) => JSON.stringify({ ...advisory(`ACME-${index}`), modified })),
  );
  expect(built.report.losses).toEqual([]);
  for (const [index, [, meant]] of forms.entries()) {
    expect(detailOf(built, `ACME-${index}`)).toHaveProperty('LastModifiedDate', meant);
  }
});
