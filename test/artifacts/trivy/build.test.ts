import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { buildTrivyDb, trivyDbAdapter } from '#artifacts';
import { digestOf, type Instant, type JsonObject, mediaTypes } from '#core';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { recordSetOf, vexDocument } from '../json/record-set.ts';
import { affected, buildOf, buildSet, lossesOf, osvRecords, rowOf } from './fixture.ts';

const upTo = (fixed: string): JsonObject[] => [{ introduced: '0' }, { fixed }];

/** A little of everything; its bytes are pinned below. */
const sample: readonly JsonObject[] = [
  {
    id: 'GO-2024-0001',
    aliases: ['CVE-2024-1001', 'CVE-2024-1002'],
    summary: 'Unbounded <read>',
    details: 'A server reads without end.',
    severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H' }],
    references: [{ type: 'WEB', url: 'https://example.com/a@b<c>' }],
    affected: [affected('Go', 'example.com/Module', upTo('1.2.3')), affected('Go', 'stdlib', upTo('1.20.1'))],
  },
  {
    id: 'GHSA-aaaa-bbbb-cccc',
    aliases: ['CVE-2024-1003'],
    published: '2024-01-01T00:00:00Z',
    database_specific: { severity: 'HIGH', cwe_ids: ['CWE-79'] },
    affected: [affected('npm', '@Scope/Name', upTo('2')), affected('Maven', 'org.example:Lib', upTo('1.0.Final'))],
  },
  {
    id: 'PYSEC-2024-1',
    details: 'é 日 😀',
    affected: [{ ...affected('PyPI', 'My_Pkg.x', upTo('3.8')), versions: ['3.8a1'] }],
  },
  { id: 'RUSTSEC-2024-0001', affected: [affected('crates.io', 'Serde', [{ introduced: '0.1.0-0' }])] },
];

describe('buildTrivyDb', () => {
  it('gives one layer, as trivy demands it', async () => {
    const { path, mediaType, records, members } = await buildOf(sample);
    expect([path, mediaType, records]).toEqual(['db.tar.gz', mediaTypes.trivyDbLayer, 4]);
    expect(members.map(({ header }) => [header.name, header.mode, header.mtime?.toISOString(), header.uid])).toEqual([
      ['metadata.json', 0o644, '2026-08-22T00:00:00.000Z', 0],
      ['trivy.db', 0o644, '2026-08-22T00:00:00.000Z', 0],
    ]);
  });

  it('dates the database by asOf alone', async () => {
    const { members } = await buildOf(sample, { asOf: '2026-08-22T01:02:03.5Z' as Instant, validForSeconds: 90 });
    expect(members[0]?.bytes.toString()).toBe(
      '{"Version":2,"NextUpdate":"2026-08-22T01:03:33.5Z","UpdatedAt":"2026-08-22T01:02:03.5Z",' +
        '"DownloadedAt":"0001-01-01T00:00:00Z"}\n',
    );
  });

  it('writes each package under the name by which trivy looks it up', async () => {
    const { dump } = await buildOf(sample);
    expect([...dump.keys()]).toEqual([
      'cargo::RustSec Advisory Database | serde | RUSTSEC-2024-0001',
      'data-source | cargo::RustSec Advisory Database',
      'data-source | go::The Go Vulnerability Database',
      'data-source | maven::GitHub Security Advisory Maven',
      'data-source | npm::GitHub Security Advisory npm',
      'data-source | pip::Python Packaging Advisory Database',
      'go::The Go Vulnerability Database | example.com/Module | CVE-2024-1001',
      'go::The Go Vulnerability Database | example.com/Module | CVE-2024-1002',
      'go::The Go Vulnerability Database | stdlib | CVE-2024-1001',
      'go::The Go Vulnerability Database | stdlib | CVE-2024-1002',
      'maven::GitHub Security Advisory Maven | org.example:lib | CVE-2024-1003',
      'npm::GitHub Security Advisory npm | @scope/name | CVE-2024-1003',
      'pip::Python Packaging Advisory Database | my-pkg-x | PYSEC-2024-1',
      'pip::Python Packaging Advisory Database | my-pkg.x | PYSEC-2024-1',
      'pip::Python Packaging Advisory Database | my.pkg-x | PYSEC-2024-1',
      'pip::Python Packaging Advisory Database | my.pkg.x | PYSEC-2024-1',
      'vulnerability | CVE-2024-1001',
      'vulnerability | CVE-2024-1002',
      'vulnerability | CVE-2024-1003',
      'vulnerability | PYSEC-2024-1',
      'vulnerability | RUSTSEC-2024-0001',
    ]);
  });

  it('gives the bytes that belong to this version of the adapter', async () => {
    expect(trivyDbAdapter).toEqual({ name: 'trivy-db', version: 2 });
    const { layer, members } = await buildOf(sample);
    // Change these together with the adapter's version, or not at all.
    expect(digestOf(members[1]?.bytes ?? '')).toBe(
      'sha256:b5d507c1b8343760b0db092357336c760a5da706230758dd180d5950828c1e0d',
    );
    expect(digestOf(layer)).toBe('sha256:aacd8bf11641bf5d2137f9983915afa5bd8793e5c5c50b2c9cc13e1f0e6423d2');
  });

  it('gives the same bytes however the records come in', async () => {
    const { layer } = await buildOf(sample);
    for (const sizes of [[1], [2, 1], [3]]) expect((await buildOf(sample, {}, sizes)).layer.equals(layer)).toBe(true);
    expect((await buildOf(sample.toReversed())).layer.equals(layer)).toBe(true);
  });

  it('has the bucket without which trivy crashes even where nothing is in it', async () => {
    const { dump, records } = await buildOf([{ id: 'DEBIAN-1', affected: [affected('Mageia:9', 'x', upTo('1'))] }]);
    expect([...dump]).toEqual([['vulnerability', '{}']]);
    expect(records).toBe(0);
  });
});

describe('what is left out', () => {
  it('is listed by reason and record, whole records and parts', async () => {
    const commits = {
      package: { ecosystem: 'Go', name: 'm' },
      ranges: [{ type: 'GIT', repo: 'r', events: upTo('abc') }],
    };
    const { report, dump } = await buildOf([
      { id: 'A-1', affected: [affected('Mageia:9', 'x', upTo('1')), affected('Go', 'x', upTo('1.0.0'))] },
      { id: 'A-2', affected: [affected('Mageia:9', 'x', upTo('1')), commits] },
      { id: 'A-3' },
      { id: 'A-4', affected: [{ ranges: [{ type: 'GIT', repo: 'r', events: upTo('abc') }] }] },
      { id: 'CVE-1-5', details: 'Rejected reason: none', affected: [affected('Go', 'x', upTo('1.0.0'))] },
      { id: 'CVE-1-6', details: ' ** REJECT ** x', affected: [affected('Go', 'x', upTo('1.0.0'))] },
    ]);
    expect(report.withheld).toEqual([]);
    expect(lossesOf(report)).toEqual({
      affectedNotCarried: '3: A-1 1 /affected/0, A-2 1 /affected/0, A-4 1 /affected/0',
      affectedWithoutVersions: '1: A-2 1 /affected/1',
      nothingCarried: '3: A-2 1, A-3 1, A-4 1',
      rejected: '2: CVE-1-5 1, CVE-1-6 1',
    });
    expect(report.losses.map(({ reason, scope, records }) => [reason, scope, records])).toEqual([
      ['affectedNotCarried', 'part', 3],
      ['affectedWithoutVersions', 'part', 1],
      ['nothingCarried', 'record', 3],
      ['rejected', 'record', 2],
    ]);
    expect([...dump.keys()].filter((key) => key.startsWith('vulnerability'))).toEqual(['vulnerability | A-1']);
  });

  it('takes in no record that only mentions a rejected id', async () => {
    const go = [affected('Go', 'x', upTo('1.0.0'))];
    const { report, records } = await buildOf([
      { id: 'A-1', aliases: ['CVE-1-1'], details: '** REJECT ** DO NOT USE THIS CANDIDATE NUMBER', affected: go },
      { id: 'A-2', details: 'Rejected reason: not a fault, says upstream. It is one.', affected: go },
      { id: 'CVE-1-3', details: 'Beside CVE-1-2 ("** REJECT **, DO NOT USE THIS CANDIDATE NUMBER")', affected: go },
      { id: 'CVE-1-4', details: 'Rejected reasoning led to this.', affected: go },
    ]);
    expect(records).toBe(4);
    expect(report.losses).toEqual([]);
  });

  it('takes in no package that the selector does not want, and calls that no loss', async () => {
    const record = {
      id: 'GHSA-1',
      affected: [
        affected('npm', 'a', upTo('1.0.0')),
        affected('PyPI', 'a', upTo('1')),
        affected('Debian', 'a', upTo('1')),
      ],
    };
    const { report, dump } = await buildOf([record], { packages: { ecosystems: ['PyPI'] } });
    expect([...dump.keys()].filter((key) => key.includes('::'))).toEqual([
      'data-source | pip::GitHub Security Advisory pip',
      'pip::GitHub Security Advisory pip | a | GHSA-1',
    ]);
    expect(report.losses).toEqual([]);
  });

  it('takes in records that are withdrawn by asOf, to the second', async () => {
    const at = (id: string, withdrawn: string) => ({ id, withdrawn, affected: [affected('Go', id, upTo('1.0.0'))] });
    const { report, records } = await buildOf(
      [at('A-1', '2026-08-21T00:00:00Z'), at('A-2', '2026-08-22T00:00:00Z'), at('A-3', '2026-08-22T00:00:00.1Z')],
      { asOf: '2026-08-22T00:00:00Z' as Instant },
    );
    expect(lossesOf(report)).toEqual({ withdrawn: '2: A-1 1, A-2 1' });
    expect(records).toBe(1);
  });

  it('takes in VEX documents', async () => {
    const statements = [vexDocument('a'), vexDocument('b')];
    const { report } = await buildSet(recordSetOf([...osvRecords(...sample), ...statements]));
    const keys = statements.map(({ key }) => `${key} 1`).sort();
    expect(lossesOf(report)).toEqual({ vexStatement: `2: ${keys.join(', ')}` });
  });

  it('takes in nothing of two records on one package and id: the row says what both do', async () => {
    const { report, dump } = await buildOf([
      {
        id: 'GO-1',
        aliases: ['CVE-1-1'],
        affected: [affected('Go', 'm', upTo('1.0.0')), affected('Go', 'n', upTo('1.0.0'))],
      },
      { id: 'GO-2', aliases: ['CVE-1-1'], affected: [affected('Go', 'm', upTo('2.0.0'))] },
    ]);
    const row = rowOf(dump, 'go::The Go Vulnerability Database | m | CVE-1-1');
    expect(row).toEqual({
      PatchedVersions: ['2.0.0'],
      VendorIDs: ['GO-1', 'GO-2'],
      VulnerableVersions: ['<=1.0.0 <1.0.0', '<2.0.0'],
    });
    expect(report.losses).toEqual([]);
  });
});

describe('several records on one package and id', () => {
  const of = (id: string, fixed: string) => ({
    id,
    aliases: ['CVE-2026-1'],
    affected: [affected('npm', 'p', upTo(fixed))],
  });

  it('give one row, in the bucket of each source', async () => {
    const { dump, report } = await buildOf([of('ACME-1', '1.4.0'), of('GHSA-1', '1.2.0'), of('ACME-2', '1.4.0')]);
    const row = JSON.stringify({
      PatchedVersions: ['1.4.0'],
      VendorIDs: ['ACME-1', 'ACME-2', 'GHSA-1'],
      VulnerableVersions: ['<1.4.0', '<=1.2.0 <1.2.0'],
    }).replaceAll('<', '\\u003c');
    expect([...dump].filter(([key]) => key.startsWith('npm::'))).toEqual([
      ['npm::GitHub Security Advisory npm | p | CVE-2026-1', row],
      ['npm::Open Source Vulnerabilities | p | CVE-2026-1', row],
    ]);
    expect(report.losses).toEqual([]);
  });
});

describe('surprises', () => {
  it('never crash the build: members of wrong types count as absent', async () => {
    const odd = [null, 1, 'x', [], {}, [null], [1], [[]]];
    const members = [
      'aliases',
      'upstream',
      'severity',
      'references',
      'database_specific',
      'summary',
      'details',
      'published',
    ];
    for (const value of odd) {
      const wrong = Object.fromEntries(members.map((name) => [name, value]));
      const { records } = await buildOf([{ ...wrong, id: 'GO-1', affected: [affected('Go', 'm', upTo('1.0.0'))] }]);
      expect(records).toBe(1);
      await buildOf([
        { id: 'GO-1', affected: value },
        { id: 'GO-2', affected: [{ package: value, ranges: value, versions: value }] },
      ]);
      const ranges = {
        package: { ecosystem: 'Go', name: 'm' },
        ranges: [value, { type: value, events: value }],
        versions: [value],
      };
      await buildOf([{ id: 'GO-1', affected: [ranges] }]);
    }
  });

  it.each([
    ['a NUL', 'a\0b'],
    ['4,097 bytes', 'a'.repeat(4097)],
    ['2,049 characters of 2 bytes', 'é'.repeat(2049)],
  ])('a package whose name has %s costs its entry alone', async (_, name) => {
    const [bad, good] = [affected('Go', name, upTo('1.0.0')), affected('Go', 'ok', upTo('1.0.0'))];
    const { report, dump, records } = await buildOf([
      { id: 'GO-1', affected: [good, bad] },
      { id: 'GO-2', affected: [bad] },
    ]);
    expect(records).toBe(1);
    expect(report.withheld).toEqual([]);
    expect(lossesOf(report)).toEqual({
      affectedNotCarried: '2: GO-1 1 /affected/1, GO-2 1 /affected/0',
      nothingCarried: '1: GO-2 1',
    });
    expect([...dump.keys()].filter((key) => key.startsWith('go::'))).toEqual([
      expect.stringMatching(/^go::.* \| ok \| GO-1$/),
    ]);
  });

  it('a record of many ids and packages, whose rows would be far larger than it, is left out and listed', async () => {
    const ids = Array.from({ length: 2000 }, (_, i) => `CVE-2026-${i}`);
    const packages = ids.map((id) => affected('Go', id, upTo('1.0.0')));
    const { report, dump, records } = await buildOf([
      { id: 'GO-1', aliases: ids, affected: packages },
      { id: 'GO-2', aliases: ids, affected: packages.slice(0, 1) },
      { id: 'GO-3', aliases: ids.slice(0, 1), affected: packages },
      { id: 'GO-4', details: 'x'.repeat(100_000), aliases: ids, affected: packages.slice(1, 2) },
    ]);
    expect(records).toBe(2);
    expect(lossesOf(report)).toEqual({ rowsTooLarge: '2: GO-1 1, GO-4 1' });
    const advisories = [...dump.keys()].filter((key) => key.startsWith('go::'));
    expect(advisories).toHaveLength(2 * 2000 - 1);
  });

  it('a value may be far larger than a page', async () => {
    const details = 'x<'.repeat(200_000);
    const { dump } = await buildOf([{ id: 'GO-1', details, affected: [affected('Go', 'm', upTo('1.0.0'))] }]);
    expect(rowOf(dump, 'vulnerability | GO-1')['Description']).toBe(details);
  });
});

describe('files and times', () => {
  let workDir: string;
  beforeEach(async () => {
    workDir = await makeTempDir();
  });
  const options = (signal?: AbortSignal) => ({
    asOf: '2026-08-22T00:00:00Z' as Instant,
    workDir,
    validForSeconds: 60,
    signal,
  });

  it('are removed when the drafts are consumed, when they are not, and when the build fails', async () => {
    const set = recordSetOf(osvRecords(...sample));
    const whole = buildTrivyDb(set, options());
    expect(() => whole.report()).toThrow(TypeError);
    for await (const { chunks } of whole.drafts) await Array.fromAsync(chunks);
    expect(await readdir(workDir)).toEqual([]);
    for await (const _ of buildTrivyDb(set, options()).drafts) break;
    expect(await readdir(workDir)).toEqual([]);
    const failing = {
      ...recordSetOf([]),
      batches: (): never => {
        throw new Error('unreadable');
      },
    };
    await expect(Array.fromAsync(buildTrivyDb(failing, options()).drafts)).rejects.toThrow('unreadable');
    expect(await readdir(workDir)).toEqual([]);
  });

  it('stop where they are asked to', async () => {
    const build = buildTrivyDb(recordSetOf(osvRecords(...sample)), options(AbortSignal.abort()));
    await expect(Array.fromAsync(build.drafts)).rejects.toMatchObject({ name: 'AbortError' });
    expect(await readdir(workDir)).toEqual([]);
  });

  it.each(['1970-01-01T00:00:00Z', '1969-12-31T23:59:59Z', '2038-01-19T03:14:08Z'])(
    'refuse %s, which tar and trivy cannot tell from now',
    async (asOf) => {
      await expect(buildOf(sample, { asOf: asOf as Instant })).rejects.toMatchObject({ code: 'ERR_EXPORT_USAGE' });
    },
  );

  it('name the record whose time cannot be that of a database', async () => {
    const asOf = '2206-10-01T00:00:00Z' as Instant;
    const set = { ...recordSetOf(osvRecords(...sample)), newest: asOf, newestRecord: 'GO-2' };
    expect(() => buildTrivyDb(set, { ...options(), asOf })).toThrow(/^GO-2: last changed 2206-10-01T00:00:00Z: /);
    expect(() => buildTrivyDb({ ...set, newest: '2026-01-01T00:00:00Z' as Instant }, { ...options(), asOf })).toThrow(
      '--as-of 2206-10-01T00:00:00Z: ',
    );
  });

  it('refuse a validity that is none', async () => {
    await expect(buildOf(sample, { validForSeconds: 0 })).rejects.toThrow(RangeError);
  });

  it('name the folder that is missing', async () => {
    const missing = join(workDir, 'none');
    const build = buildTrivyDb(recordSetOf(osvRecords(...sample)), { ...options(), workDir: missing });
    await expect(Array.fromAsync(build.drafts)).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });
  });
});
