import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeCanonical, type JsonValue } from '#core';
import { Cursor } from '../../src/evidence/formats/cursor.ts';
import type { Fault } from '../../src/evidence/formats/fault.ts';
import { looksLikeOsv, osvRecord } from '../../src/evidence/formats/osv-schema.ts';
import { osvIdOf } from '../../src/evidence/formats/osv-text.ts';
import { readJson } from '../core/read-json.ts';

const cursor = new Cursor();

/** The places of what is let pass, after a check. */
function departures(): string[] {
  return cursor.departures.map(({ pointer }) => pointer);
}

function checkOsv(value: JsonValue): Fault | undefined {
  cursor.load(encodeCanonical(value));
  return osvRecord.check(cursor);
}

const full = {
  schema_version: '1.7.5',
  id: 'x_ACME-2026-1',
  modified: '2026-02-28T23:59:59.123456789Z',
  published: '2024-02-29T00:00:00Z',
  withdrawn: '2026-03-01T00:00:00.5Z',
  aliases: ['CVE-2026-1'],
  related: ['CVE-2026-2'],
  upstream: ['CVE-2026-3'],
  summary: '',
  details: 'text\nwith "quotes"',
  severity: [
    { type: 'CVSS_V2', score: 'AV:N/AC:L/Au:N/C:N/I:N/A:C' },
    { type: 'CVSS_V3', score: 'CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H' },
    { type: 'CVSS_V4', score: 'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N', source: 'CNA' },
    { type: 'Ubuntu', score: 'negligible' },
  ],
  affected: [
    {
      package: { ecosystem: 'Debian:12', name: 'openssl', purl: 'pkg:deb/debian/openssl' },
      severity: null,
      ranges: [
        { type: 'ECOSYSTEM', events: [{ introduced: '0' }, { fixed: '3.0.1' }], database_specific: { any: [1] } },
        {
          type: 'GIT',
          repo: 'https://example.com/x',
          events: [{ introduced: '0' }, { last_affected: 'abc' }, { limit: '*' }],
        },
      ],
      versions: ['3.0.0'],
      ecosystem_specific: { any: null },
      database_specific: {},
    },
    {},
  ],
  references: [{ type: 'DISCUSSION', url: 'https://example.com/a?b#c' }],
  credits: [{ name: 'Someone', contact: ['mailto:a@example.com'], type: 'FINDER' }],
  database_specific: { severity: 'HIGH' },
} as const;

/** Members that the schema does not let be null. */
const nulls = [
  'schema_version',
  'published',
  'withdrawn',
  'related',
  'upstream',
  'summary',
  'details',
  'credits',
  'database_specific',
];

const valid = { id: 'A-1', modified: '2026-01-01T00:00:00Z' };

describe('osvRecord', () => {
  test('takes a record with every member, one with the two it must have, and null where the schema says so', () => {
    expect(checkOsv(full)).toBeUndefined();
    expect(departures()).toEqual([]);
    expect(checkOsv(valid)).toBeUndefined();
    expect(checkOsv({ ...valid, aliases: null, severity: null, affected: null, references: null })).toBeUndefined();
    expect(departures()).toEqual([]);
  });

  const affected = (members: object) => ({ affected: [{}, { package: { ecosystem: 'npm', name: 'x' }, ...members }] });
  const events = (...list: object[]) => affected({ ranges: [{ type: 'SEMVER', events: list }] });

  test.each([
    ['two things in one event', events({ introduced: '0', fixed: '1' })],
    ['both kinds of end in one range', events({ introduced: '0' }, { fixed: '2' }, { last_affected: '1' })],
  ])('accepts %s, which the evaluation algorithm can read', (_what, change) => {
    expect(checkOsv({ ...valid, ...change } as JsonValue)).toBeUndefined();
  });

  test.each<[string, string, object]>([
    ['no object', '', []],
    ['a number for an id', '/id', { id: 5 }],
    ['an empty id', '/id', { id: '' }],
    ['an id of spaces', '/id', { id: '  ' }],
    ['an id with a NUL', '/id', { id: 'A\u0000' }],
    ['an id with a line feed', '/id', { id: 'A\nB' }],
    ['an id of 257 characters', '/id', { id: 'A'.repeat(257) }],
    ['null for modified', '/modified', { modified: null }],
    ['a word for modified', '/modified', { modified: 'yesterday' }],
    ['a day that is none for modified', '/modified', { modified: '2025-02-29T00:00:00Z' }],
    ['a member that another format has, and none that only OSV has', '/spec_version', { spec_version: '2.1' }],
    ['an object for affected', '/affected', { affected: {} }],
    ['a text among affected', '/affected/0', { affected: ['x'] }],
    ['an object for ranges', '/affected/1/ranges', affected({ ranges: {} })],
    ['a range without events', '/affected/1/ranges/0', affected({ ranges: [{ type: 'SEMVER' }] })],
    ['null for events', '/affected/1/ranges/0/events', affected({ ranges: [{ type: 'SEMVER', events: null }] })],
    ['a range with no event', '/affected/1/ranges/0/events', events()],
    ['a range that begins nowhere', '/affected/1/ranges/0/events', events({ fixed: '1' })],
    ['a range that begins at null', '/affected/1/ranges/0/events', events({ introduced: null }, { fixed: '1' })],
    ['an empty text in an event', '/affected/1/ranges/0/events/1/fixed', events({ introduced: '0' }, { fixed: '' })],
    ['a number in an event', '/affected/1/ranges/0/events/1/fixed', events({ introduced: '0' }, { fixed: 1 })],
  ])('refuses %s and points at %j', (_what, pointer, change) => {
    const value = Array.isArray(change) ? change : { ...valid, ...change };
    expect(checkOsv(value as JsonValue)).toMatchObject({ pointer, what: expect.stringMatching(/\S/) });
  });

  test.each<[string, object]>([
    ['members of a newer schema', { schema_version: '1.9.0', summary: 'x', exploitability: { known: true } }],
    ['a member with a slash and a tilde', { summary: 'x', 'a/b~c': 1 }],
    ['a reference to the schema', { summary: 'x', $schema: 'https://example.com/schema.json' }],
    ['an id with a space', { id: 'A 1' }],
    ['an id with slashes and letters beyond ASCII', { id: 'Ä/1:2' }],
    ['a time with an offset', { modified: '2026-01-01T02:00:00+02:00' }],
    ['a time without seconds', { modified: '2026-01-01T00:00Z' }],
    ['a day', { modified: '2026-01-01', published: '2025-12-31' }],
    ['a leap second', { modified: '2016-12-31T23:59:60Z' }],
    ['small letters in a time', { modified: '2026-01-01t00:00:00z' }],
    ['an event of a newer schema', events({ introduced: '0' }, { fixed: '2' }, { first_not_affected: '2' })],
    ['an event with more to it', events({ introduced: '0', note: 'x' }, {})],
    ['null in an event', events({ introduced: '0', fixed: null }, { introduced: null, fixed: '2' })],
    ['a GIT range without a repository', affected({ ranges: [{ type: 'GIT', events: [{ introduced: '0' }] }] })],
    ['a range without a type', affected({ ranges: [{ events: [{ introduced: '0' }] }] })],
  ])('takes %s as it is', (_what, change) => {
    expect(checkOsv({ ...valid, ...change } as JsonValue)).toBeUndefined();
    expect(departures()).toEqual([]);
  });

  const score = { type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H' };
  test.each<[string, string[], object]>([
    [
      'null where the schema has none',
      nulls.map((name) => `/${name}`),
      Object.fromEntries(nulls.map((name) => [name, null])),
    ],
    ['a number for a summary', ['/summary'], { summary: 1 }],
    ['a text for aliases', ['/aliases'], { aliases: 'CVE-1' }],
    ['a number among aliases', ['/aliases/1'], { aliases: ['CVE-1', 2] }],
    ['a time that is none', ['/published', '/withdrawn'], { published: '2025-13-01T00:00:00Z', withdrawn: true }],
    [
      'a type of severity of a newer schema',
      ['/severity/0/type'],
      { severity: [{ type: 'SSVC', score: 'act' }, score] },
    ],
    ['a vector of another version', ['/severity/0/score'], { severity: [{ type: 'CVSS_V2', score: score.score }] }],
    ['a score in place of a vector', ['/severity/0/score'], { severity: [{ type: 'CVSS_V3', score: '9.8' }] }],
    ['a number for a score', ['/severity/0/score'], { severity: [{ type: 'CVSS_V3', score: 9.8 }] }],
    ['a severity without a score', ['/severity/0'], { severity: [{ type: 'CVSS_V3' }] }],
    ['a text for severity', ['/severity'], { severity: 'HIGH' }],
    ['an unknown Ubuntu priority', ['/severity/0/score'], { severity: [{ type: 'Ubuntu', score: 'urgent' }] }],
    [
      'a reference without a type or an address',
      ['/references/0', '/references/1'],
      { references: [{ url: 'x:1' }, { type: 'WEB' }] },
    ],
    [
      'a reference of another type',
      ['/references/0/type'],
      { references: [{ type: 'BLOG', url: 'https://example.com' }] },
    ],
    ['a reference that is no URI', ['/references/0/url'], { references: [{ type: 'WEB', url: 'example.com' }] }],
    ['a text for a reference', ['/references/0'], { references: ['https://example.com'] }],
    ['a credit without a name', ['/credits/0'], { credits: [{ type: 'FINDER' }] }],
    ['null for a contact', ['/credits/0/contact'], { credits: [{ name: 'x', contact: null }] }],
    ['a text for database_specific', ['/database_specific'], { database_specific: 'x' }],
    [
      'null among affected and ranges',
      ['/affected/0', '/affected/1/ranges', '/affected/2/ranges/0'],
      { affected: [null, { ranges: null }, { ranges: [null] }] },
    ],
    ['a package without a name', ['/affected/1/package'], affected({ package: { ecosystem: 'npm' } })],
    [
      'a number for a purl',
      ['/affected/1/package/purl'],
      affected({ package: { ecosystem: 'npm', name: 'x', purl: 1 } }),
    ],
    ['null for versions', ['/affected/1/versions'], affected({ versions: null })],
    [
      'what is no version among versions',
      ['/affected/1/versions/1', '/affected/1/versions/2'],
      affected({ versions: ['1', '', 1.2] }),
    ],
    [
      'a type of range in small letters',
      ['/affected/1/ranges/0/type'],
      affected({ ranges: [{ type: 'semver', events: [{ introduced: '0' }] }] }),
    ],
    ['an array for ecosystem_specific', ['/affected/1/ecosystem_specific'], affected({ ecosystem_specific: [] })],
  ])('lets %s pass, and notes where', (_what, pointers, change) => {
    expect(checkOsv({ ...valid, ...change } as JsonValue)).toBeUndefined();
    expect(departures().sort()).toEqual(pointers.toSorted());
  });

  test('notes a hundred departures and no more, whatever a record holds', () => {
    expect(checkOsv({ ...valid, aliases: Array.from({ length: 5000 }, () => 1) })).toBeUndefined();
    expect(departures().length).toBe(100);
    expect(checkOsv(valid)).toBeUndefined();
    expect(departures()).toEqual([]);
  });

  test.each(['id', 'modified'])('refuses a record without %s', (member) => {
    const { [member as 'id']: _left, ...rest } = valid;
    expect(checkOsv(rest)).toMatchObject({ pointer: '', what: expect.stringContaining(`"${member}"`) });
  });
});

/** Every place in a value, as the steps that lead there. */
function placesOf(value: unknown, steps: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [steps];
  return [steps, ...Object.entries(value).flatMap(([name, member]) => placesOf(member, [...steps, name]))];
}

test('whatever is changed in a record, the check ends, at the end or with a place that is there', () => {
  const places = placesOf(full).slice(1);
  const change = fc.record({ at: fc.constantFrom(...places), to: fc.jsonValue({ maxDepth: 2 }), drop: fc.boolean() });
  fc.assert(
    fc.property(change, ({ at, to, drop }) => {
      const value = readJson(JSON.stringify(full));
      const parent = at.slice(0, -1).reduce((object, step) => object[step], value);
      if (drop && !Array.isArray(parent)) delete parent[at.at(-1) as string];
      else parent[at.at(-1) as string] = to;
      const found = checkOsv(value);
      if (found === undefined) {
        expect(cursor.at).toBe(encodeCanonical(value).length);
        return;
      }
      const steps = found.pointer
        .split('/')
        .slice(1)
        .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
      let here = value;
      for (const step of steps) {
        expect(Object.hasOwn(here, step), found.pointer).toBe(true);
        here = here[step];
      }
    }),
    { numRuns: 3000 },
  );
});

describe('looksLikeOsv', () => {
  test.each<[boolean, object]>([
    [true, valid],
    [true, { id: 5, modified: false }],
    [true, { affected: [], schema_version: '1.0.0' }],
    [false, { id: 'A' }],
    [false, { ID: 'pkg:oci/x', Sources: [] }],
    [false, { name: 'package', version: '1.0.0' }],
    [false, { document: {}, vulnerabilities: [] }],
    [false, { bomFormat: 'CycloneDX', specVersion: '1.6' }],
  ])('%s for %j', (expected, value) => {
    expect(looksLikeOsv(value as { [key: string]: JsonValue })).toBe(expected);
  });
});

test('osvIdOf gives an id only where it can name the record', () => {
  expect(osvIdOf({ id: 'A-1' })).toBe('A-1');
  for (const value of [{}, { id: 1 }, { id: '' }, { id: 'a\nb' }]) expect(osvIdOf(value)).toBeUndefined();
});
