import { describe, expect, test } from 'vitest';
import { encodeCanonical, type JsonObject, type JsonValue } from '#core';
import { Cursor } from '../../src/evidence/formats/cursor.ts';
import type { Fault } from '../../src/evidence/formats/fault.ts';
import { propertiesOfOpenVex } from '../../src/evidence/formats/openvex-properties.ts';
import { looksLikeOpenVex, openVexDocument } from '../../src/evidence/formats/openvex-schema.ts';
import { packageOfPurl } from '../../src/versions/purl.ts';
import { readJson } from '../core/read-json.ts';
import { vexDocument } from '../fixtures/records.ts';

const statement = {
  vulnerability: { name: 'CVE-2026-1', '@id': 'https://example.com/CVE-2026-1', description: '', aliases: ['GHSA-x'] },
  products: [
    {
      '@id': 'pkg:oci/app',
      identifiers: { purl: 'pkg:maven/org.example/app@1.0', cpe23: 'cpe:2.3:a:x:y:1:*:*:*:*:*:*:*' },
      hashes: { 'sha-256': 'aa' },
      subcomponents: [{ '@id': 'pkg:golang/example.com/lib@v1.2.3' }],
    },
  ],
  status: 'not_affected',
  justification: 'component_not_present',
};

const cursor = new Cursor();

function checkOpenVex(value: JsonValue): Fault | undefined {
  cursor.load(encodeCanonical(value));
  return openVexDocument.check(cursor);
}

function check(members: object): Fault | undefined {
  return checkOpenVex(readJson(JSON.stringify(vexDocument('https://example.com/1', members))));
}

describe('openVexDocument', () => {
  test.each<[string, object]>([
    ['a document', {}],
    ['all members of a document', { role: 'x', last_updated: '2026-01-01T00:00:00.5+02:00', tooling: 'x' }],
    [
      'a full statement',
      {
        statements: [
          {
            ...statement,
            '@id': 'x:1',
            version: 2,
            timestamp: '2026-01-01T00:00:00Z',
            supplier: 'x',
            status_notes: 'x',
          },
        ],
      },
    ],
    [
      'a reason in words',
      { statements: [{ ...statement, justification: undefined, impact_statement: 'never called' }] },
    ],
    [
      'both reasons, as most published documents have',
      { statements: [{ ...statement, impact_statement: 'never called' }] },
    ],
    [
      'an action',
      {
        statements: [
          {
            ...statement,
            status: 'affected',
            action_statement: 'update',
            action_statement_timestamp: '2026-01-01T00:00:00Z',
          },
        ],
      },
    ],
    ['no product', { statements: [{ vulnerability: { name: 'CVE-1' }, status: 'fixed' }] }],
    ['an open question', { statements: [{ vulnerability: { name: 'CVE-1' }, status: 'under_investigation' }] }],
  ])('takes %s', (_what, members) => {
    expect(checkOpenVex(readJson(JSON.stringify(vexDocument('x:1', members))))).toBeUndefined();
  });

  const inStatement = (members: object) => ({ statements: [statement, { ...statement, ...members }] });

  test.each<[string, string, object]>([
    ['another version of the format', '/@context', { '@context': 'https://openvex.dev/ns/v0.0.1' }],
    ['an empty id', '/@id', { '@id': '' }],
    ['a number for an author', '/author', { author: 1 }],
    ['a time that is none', '/timestamp', { timestamp: 'yesterday' }],
    ['version 0', '/version', { version: 0 }],
    ['a version in words', '/version', { version: '1' }],
    ['a broken version', '/version', { version: 1.5 }],
    ['no statement', '/statements', { statements: [] }],
    ['an unknown status', '/statements/1/status', inStatement({ status: 'maybe' })],
    [
      'not_affected without a reason',
      '/statements/1',
      { statements: [statement, { vulnerability: { name: 'x' }, status: 'not_affected' }] },
    ],
    ['affected without an action', '/statements/1', inStatement({ status: 'affected' })],
    ['a vulnerability as a string', '/statements/1/vulnerability', inStatement({ vulnerability: 'CVE-1' })],
    ['a vulnerability without a name', '/statements/1/vulnerability', inStatement({ vulnerability: {} })],
    ['a product as a string', '/statements/1/products/0', inStatement({ products: ['pkg:npm/x'] })],
  ])('refuses %s and points at %j', (_what, pointer, members) => {
    expect(check(members)).toMatchObject({ pointer, what: expect.stringMatching(/\S/) });
  });

  test.each<[string, string[], object]>([
    ['an unknown member', [], { publisher: 'x' }],
    ['an unknown member of a statement', [], inStatement({ severity: 1 })],
    ['an unknown justification', ['/statements/1/justification'], inStatement({ justification: 'because' })],
    ['null for a reason beside the other', ['/statements/1/impact_statement'], inStatement({ impact_statement: null })],
    [
      'null for what may be absent',
      ['/role', '/statements/1/products', '/tooling'],
      { role: null, tooling: null, ...inStatement({ products: null }) },
    ],
    ['another time that is none', ['/last_updated'], { last_updated: 'yesterday' }],
    ['numbers for hashes', ['/statements/1/products/0/hashes'], inStatement({ products: [{ hashes: 1 }] })],
    ['an unknown hash', [], inStatement({ products: [{ hashes: { crc32: '0' } }] })],
    [
      'a subcomponent as a text',
      ['/statements/1/products/0/subcomponents/0'],
      inStatement({ products: [{ subcomponents: ['x'] }] }),
    ],
    [
      'aliases that are none',
      ['/statements/1/vulnerability/aliases'],
      inStatement({ vulnerability: { name: 'x', aliases: 'y' } }),
    ],
  ])('lets %s pass, and notes where', (_what, pointers, members) => {
    expect(check(members)).toBeUndefined();
    expect(cursor.departures.map(({ pointer }) => pointer).sort()).toEqual(pointers);
    const value = readJson(JSON.stringify(vexDocument('x:1', members))) as JsonObject;
    expect([...propertiesOfOpenVex(value).ids(), ...propertiesOfOpenVex(value).packages()].length).toBeGreaterThan(1);
  });

  test('refuses null for both reasons', () => {
    const found = check(inStatement({ justification: null, impact_statement: null }));
    expect(found).toMatchObject({ pointer: '/statements/1' });
  });

  test.each(['@id', 'author', 'timestamp', 'version', 'statements'])('refuses a document without %s', (member) => {
    const { [member]: _left, ...rest } = vexDocument('x:1');
    expect(looksLikeOpenVex(rest as JsonObject)).toBe(true);
    expect(checkOpenVex(rest as JsonValue)).toMatchObject({
      pointer: '',
      what: expect.stringContaining(`"${member}"`),
    });
  });
});

describe('the properties of a document', () => {
  const properties = propertiesOfOpenVex(
    vexDocument('https://example.com/1', { statements: [statement] }) as JsonObject,
  );

  test('is known by its own id and by those of its vulnerabilities', () => {
    expect([...properties.ids()]).toEqual([
      'https://example.com/1',
      'CVE-2026-1',
      'https://example.com/CVE-2026-1',
      'GHSA-x',
    ]);
  });

  test('is about the products and their parts that have a package URL', () => {
    expect([...properties.packages()]).toEqual([
      { ecosystem: 'Maven', name: 'org.example:app' },
      { ecosystem: 'Go', name: 'example.com/lib' },
    ]);
  });

  test('has neither a score nor a withdrawal', () => {
    expect([properties.severity(), properties.isWithdrawn()]).toEqual([undefined, false]);
  });
});

describe('packageOfPurl', () => {
  test.each<[string, string | undefined, string?]>([
    ['pkg:npm/lodash@4.17.20', 'npm', 'lodash'],
    ['pkg:npm/%40angular/core@1.0.0', 'npm', '@angular/core'],
    ['pkg:npm/@angular/core', 'npm', '@angular/core'],
    ['pkg:golang/golang.org/x/net@v0.1.0?type=module#http2', 'Go', 'golang.org/x/net'],
    ['pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1', 'Maven', 'org.apache.logging.log4j:log4j-core'],
    ['pkg:PyPI/django', 'PyPI', 'django'],
    ['pkg://cargo/time@0.1', 'crates.io', 'time'],
    ['pkg:deb/debian/openssl@3.0?arch=amd64', 'Debian', 'openssl'],
    ['pkg:rpm/redhat/openssl', 'Red Hat', 'openssl'],
    ['pkg:gem/rails%zz@1', 'RubyGems', 'rails%zz'],
    ['pkg:oci/app@sha256:aa', undefined],
    ['pkg:npm', undefined],
    ['pkg:', undefined],
    ['https://example.com/npm/x', undefined],
  ])('%s', (purl, ecosystem, name) => {
    expect(packageOfPurl(purl)).toEqual(ecosystem === undefined ? undefined : { ecosystem, name });
  });
});
