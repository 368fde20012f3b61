import { describe, expect, it } from 'vitest';
import type { DataSourceRule } from '#artifacts';
import type { JsonObject } from '#core';
import { readJson } from '../../core/read-json.ts';
import { affected, buildOf, rowOf } from './fixture.ts';

const ACME = { id: 'acme', name: 'Acme Advisories', url: 'https://acme.example/' };

const entry = (ecosystem: string): JsonObject => affected(ecosystem, 'a', [{ introduced: '0' }, { fixed: '1.0.0' }]);

/** The buckets of advisories, and what they are said to be, for records of these ids. */
async function sources(records: readonly JsonObject[], dataSources?: readonly DataSourceRule[]) {
  const { dump } = await buildOf(records, { dataSources });
  const said = [...dump].filter(([key]) => key.startsWith('data-source | '));
  const buckets = new Set([...dump.keys()].filter((key) => key.includes('::') && !key.startsWith('data-source')));
  expect([...new Set([...buckets].map((key) => `data-source | ${key.split(' | ')[0]}`))]).toEqual(
    said.map(([key]) => key),
  );
  return said.map(([key, value]) => [key.slice('data-source | '.length), readJson(value)]);
}

describe('data sources', () => {
  it.each([
    ['GO-1', 'Go', 'go::The Go Vulnerability Database', 'govulndb', 'https://pkg.go.dev/vuln/'],
    ['PYSEC-1', 'PyPI', 'pip::Python Packaging Advisory Database', 'osv', 'https://github.com/pypa/advisory-database'],
    ['RUSTSEC-1', 'crates.io', 'cargo::RustSec Advisory Database', 'osv', 'https://github.com/RustSec/advisory-db'],
    [
      'GHSA-1',
      'npm',
      'npm::GitHub Security Advisory npm',
      'ghsa',
      'https://github.com/advisories?query=type%3Areviewed+ecosystem%3Anpm',
    ],
    [
      'GHSA-1',
      'crates.io',
      'cargo::GitHub Security Advisory Rust',
      'ghsa',
      'https://github.com/advisories?query=type%3Areviewed+ecosystem%3Arust',
    ],
    [
      'GHSA-1',
      'Maven',
      'maven::GitHub Security Advisory Maven',
      'ghsa',
      'https://github.com/advisories?query=type%3Areviewed+ecosystem%3Amaven',
    ],
    ['MAL-1', 'npm', 'npm::Open Source Vulnerabilities', 'osv', 'https://osv.dev/'],
  ])('of %s in %s', async (id, ecosystem, bucket, source, url) => {
    expect(await sources([{ id, affected: [entry(ecosystem)] }])).toEqual([
      [bucket, { ID: source, Name: bucket.split('::')[1], URL: url }],
    ]);
  });

  it('of one record are one for each ecosystem', async () => {
    const found = await sources([{ id: 'GHSA-1', affected: [entry('npm'), entry('PyPI')] }]);
    expect(found.map(([bucket]) => bucket)).toEqual([
      'npm::GitHub Security Advisory npm',
      'pip::GitHub Security Advisory pip',
    ]);
  });

  it('may be the caller’s, by the longest prefix, whatever the order of the rules', async () => {
    const rules = [
      { ...ACME, prefix: 'ACME-' },
      { id: 'acme-js', name: 'Acme JavaScript', url: ACME.url, prefix: 'ACME-', ecosystem: 'npm' },
      { id: 'acme-lab', name: 'Acme Lab', url: ACME.url, prefix: 'ACME-LAB-' },
    ];
    const records = [
      { id: 'ACME-1', affected: [entry('npm'), entry('Go')] },
      { id: 'ACME-LAB-1', affected: [entry('npm')] },
      { id: 'GO-1', affected: [entry('Go')] },
    ];
    const found = await sources(records, rules);
    expect(found.map(([bucket]) => bucket)).toEqual([
      'go::Acme Advisories',
      'go::The Go Vulnerability Database',
      'npm::Acme JavaScript',
      'npm::Acme Lab',
    ]);
    expect(await sources(records, rules.toReversed())).toEqual(found);
  });

  it('may take the place of a default under the default’s name', async () => {
    const rule = { prefix: 'GO-', id: 'mirror', name: 'The Go Vulnerability Database', url: 'https://mirror.example/' };
    const { dump } = await buildOf([{ id: 'GO-1', summary: 'title', affected: [entry('Go')] }], {
      dataSources: [rule],
    });
    expect(rowOf(dump, `data-source | go::${rule.name}`)).toEqual({ ID: 'mirror', Name: rule.name, URL: rule.url });
    // Titles stay under ids that trivy-db does not know.
    expect(rowOf(dump, 'vulnerability | GO-1')['Title']).toBe('title');
  });

  it.each<[string, DataSourceRule[]]>([
    ['an id that is none', [{ ...ACME, prefix: 'A', id: 'Acme Inc' }]],
    ['an empty name', [{ ...ACME, prefix: 'A', name: '' }]],
    ['a name that could not stand in a key', [{ ...ACME, prefix: 'A', name: 'a\0b' }]],
    ['no URL', [{ ...ACME, prefix: 'A', url: 'acme' }]],
    ['an ecosystem that is not carried', [{ ...ACME, prefix: 'A', ecosystem: 'Mageia' }]],
    [
      'two for one prefix',
      [
        { ...ACME, prefix: 'A' },
        { ...ACME, prefix: 'A', name: 'Other' },
      ],
    ],
    [
      'two of one name',
      [
        { ...ACME, prefix: 'A' },
        { ...ACME, prefix: 'B', id: 'other' },
      ],
    ],
    ['the name of a default that is in use', [{ ...ACME, prefix: 'A', name: 'RustSec Advisory Database' }]],
  ])('are refused: %s', async (_, dataSources) => {
    await expect(buildOf([], { dataSources })).rejects.toMatchObject({ code: 'ERR_EXPORT_USAGE' });
  });
});
