import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeCanonical, type JsonValue } from '#core';
import type { Fault } from '../../src/evidence/formats/check.ts';
import { Cursor } from '../../src/evidence/formats/cursor.ts';
import { looksLikeOsv, osvRecord } from '../../src/evidence/formats/osv.ts';
import { osvIdOf } from '../../src/evidence/formats/osv-text.ts';
import { readJson } from '../core/read-json.ts';

const cursor = new Cursor();

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

const sound = { id: 'A-1', modified: '2026-01-01T00:00:00Z' };

describe('osvRecord', () => {
  test('takes a record with every member, one with the two it must have, and null where the schema says so', () => {
    expect(checkOsv(full)).toBeUndefined();
    expect(checkOsv(sound)).toBeUndefined();
    expect(checkOsv({ ...sound, aliases: null, severity: null, affected: null, references: null })).toBeUndefined();
  });

  const affected = (members: object) => ({ affected: [{}, { package: { ecosystem: 'npm', name: 'x' }, ...members }] });
  const events = (...list: object[]) => affected({ ranges: [{ type: 'SEMVER', events: list }] });

  test.each<[string, string, object]>([
    ['no object', '', []],
    ['an unknown member', '/severtiy', { severtiy: [] }],
    ['a member with a slash and a tilde', '/a~1b~0c', { 'a/b~c': 1 }],
    ['a number for an id', '/id', { id: 5 }],
    ['an empty id', '/id', { id: '' }],
    ['an id with white space', '/id', { id: 'A 1' }],
    ['an id with a NUL', '/id', { id: 'A\u0000' }],
    ['an id of 257 characters', '/id', { id: 'A'.repeat(257) }],
    ['a time with an offset', '/modified', { modified: '2026-01-01T00:00:00+00:00' }],
    ['a time without seconds', '/modified', { modified: '2026-01-01T00:00Z' }],
    ['a day that is none', '/published', { published: '2025-02-29T00:00:00Z' }],
    ['a month that is none', '/published', { published: '2025-00-01T00:00:00Z' }],
    ['an hour that is none', '/withdrawn', { withdrawn: '2025-01-01T24:00:00Z' }],
    ['an empty fraction', '/withdrawn', { withdrawn: '2025-01-01T00:00:00.Z' }],
    ['null for a time', '/withdrawn', { withdrawn: null }],
    ['a string for aliases', '/aliases', { aliases: 'CVE-1' }],
    ['a number among aliases', '/aliases/1', { aliases: ['CVE-1', 2] }],
    ['null for related', '/related', { related: null }],
    ['a number for a summary', '/summary', { summary: 1 }],
    ['an unknown type of severity', '/severity/0/type', { severity: [{ type: 'CVSS_V5', score: '' }] }],
    [
      'a vector of another version',
      '/severity/0/score',
      { severity: [{ type: 'CVSS_V2', score: full.severity[1].score }] },
    ],
    ['a score in place of a vector', '/severity/0/score', { severity: [{ type: 'CVSS_V3', score: '9.8' }] }],
    ['a severity without a score', '/severity/0', { severity: [{ type: 'CVSS_V3' }] }],
    ['an unknown Ubuntu priority', '/severity/0/score', { severity: [{ type: 'Ubuntu', score: 'urgent' }] }],
    ['an object for affected', '/affected', { affected: {} }],
    ['a package without a name', '/affected/1/package', affected({ package: { ecosystem: 'npm' } })],
    [
      'a package with an empty ecosystem',
      '/affected/1/package/ecosystem',
      affected({ package: { ecosystem: '', name: 'x' } }),
    ],
    [
      'a number for a purl',
      '/affected/1/package/purl',
      affected({ package: { ecosystem: 'npm', name: 'x', purl: 1 } }),
    ],
    ['an empty version', '/affected/1/versions/1', affected({ versions: ['1', ''] })],
    ['a number for a version', '/affected/1/versions/0', affected({ versions: [1.2] })],
    [
      'an unknown type of range',
      '/affected/1/ranges/0/type',
      affected({ ranges: [{ type: 'semver', events: [{ introduced: '0' }] }] }),
    ],
    ['a range without events', '/affected/1/ranges/0', affected({ ranges: [{ type: 'SEMVER' }] })],
    ['a range with no event', '/affected/1/ranges/0/events', events()],
    ['a range that begins nowhere', '/affected/1/ranges/0/events', events({ fixed: '1' })],
    ['two things in one event', '/affected/1/ranges/0/events/0', events({ introduced: '0', fixed: '1' })],
    ['nothing in an event', '/affected/1/ranges/0/events/1', events({ introduced: '0' }, {})],
    ['an unknown event', '/affected/1/ranges/0/events/1/repaired', events({ introduced: '0' }, { repaired: '1' })],
    ['a number in an event', '/affected/1/ranges/0/events/1/fixed', events({ introduced: '0' }, { fixed: 1 })],
    [
      'both ends of a range',
      '/affected/1/ranges/0/events',
      events({ introduced: '0' }, { fixed: '2' }, { last_affected: '1' }),
    ],
    [
      'a GIT range without a repository',
      '/affected/1/ranges/0',
      affected({ ranges: [{ type: 'GIT', events: [{ introduced: '0' }] }] }),
    ],
    ['an array for ecosystem_specific', '/affected/1/ecosystem_specific', affected({ ecosystem_specific: [] })],
    [
      'an unknown type of reference',
      '/references/0/type',
      { references: [{ type: 'LINK', url: 'https://example.com' }] },
    ],
    ['a reference that is no URI', '/references/0/url', { references: [{ type: 'WEB', url: 'example.com' }] }],
    [
      'a reference with white space',
      '/references/0/url',
      { references: [{ type: 'WEB', url: 'https://example.com/a b' }] },
    ],
    ['a credit without a name', '/credits/0', { credits: [{ type: 'FINDER' }] }],
    ['a string for database_specific', '/database_specific', { database_specific: 'x' }],
  ])('refuses %s and points at %j', (_what, pointer, change) => {
    const value = Array.isArray(change) ? change : { ...sound, ...change };
    expect(checkOsv(value as JsonValue)).toMatchObject({ pointer, what: expect.stringMatching(/\S/) });
  });

  test.each(['id', 'modified'])('refuses a record without %s', (member) => {
    const { [member as 'id']: _left, ...rest } = sound;
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
    [true, sound],
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
  for (const value of [{}, { id: 1 }, { id: '' }, { id: 'a\nb' }, [], null])
    expect(osvIdOf(value as JsonValue)).toBeUndefined();
});
