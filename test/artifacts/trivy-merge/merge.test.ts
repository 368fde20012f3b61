import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkOwnBbolt, writeBbolt } from '#bbolt';
import { content, entriesOf } from '../../bbolt/entries.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { buildOf, dumpDb } from '../trivy/fixture.ts';
import { json, mergeFiles, mergeTrees, type Tree, writeTree } from './fixture.ts';

const GHSA = 'npm::GitHub Security Advisory npm';
const ACME = 'npm::acme';
const GITLAB = 'npm::zeta';

const advisory = (fixed: string) => json({ PatchedVersions: [fixed], VulnerableVersions: [`<${fixed}`] });
const source = (id: string) => json({ ID: id, Name: id, URL: `https://${id}.example/` });

const base: Tree = {
  'Red Hat': { bash: { 'RHSA-2024:1': json({ Entries: [{ Affected: [0, 2] }] }) } },
  'Red Hat CPE': {
    cpe: { '0': '"cpe:/o:redhat:enterprise_linux:9"' },
    nvr: { 'bash-1-1.x86_64': '[0]' },
    repository: { 'rhel-9-for-x86_64-baseos-rpms': '[0,1]' },
  },
  'alpine 3.20': { openssl: { 'CVE-2024-1': json({ FixedVersion: '3.3.0-r0' }), 'CVE-2024-2': '' } },
  [GHSA]: { lodash: { 'CVE-2024-1': advisory('4.17.20'), 'CVE-2024-3': advisory('4.17.21') } },
  [GITLAB]: { lodash: { 'CVE-2024-3': advisory('4.17.22') } },
  'data-source': { [GHSA]: source('ghsa'), [GITLAB]: source('zeta'), 'alpine 3.20': source('alpine') },
  vulnerability: {
    'CVE-2024-1': json({ Title: 'official', Severity: 'HIGH', VendorSeverity: { nvd: 3 }, References: ['https://b/'] }),
    'CVE-2024-2': json({ Title: 'two', Severity: 'LOW' }),
    'CVE-2024-3': json({ Title: 'three', Severity: 'LOW' }),
  },
  wolfi: { curl: { 'CVE-2024-1': json({ FixedVersion: '8.0.0-r0' }) } },
};

const own: Tree = {
  'alpine 3.20': { openssl: { 'CVE-2024-1': json({ FixedVersion: '3.3.9-r9' }) } },
  [ACME]: {
    'acme-lib': { 'ACME-1': advisory('1.0.0') },
    lodash: { 'CVE-2024-1': advisory('4.17.99'), 'CVE-2024-3': advisory('4.17.98') },
  },
  'data-source': { [ACME]: source('acme'), 'alpine 3.20': source('acme') },
  vulnerability: {
    'ACME-1': json({ Title: 'ours', Severity: 'HIGH', VendorSeverity: { acme: 3 } }),
    'CVE-2024-1': json({ Title: 'ours too', Severity: 'LOW', VendorSeverity: { acme: 1 }, References: ['https://a/'] }),
    'CVE-2024-3': json({ Severity: 'UNKNOWN' }),
  },
};

describe('a base without buckets of Trivy', () => {
  it.each([
    ['empty', {}],
    ['of another program', { artifact: { 'sha256:1': json({ SchemaVersion: 2 }) }, blob: {} }],
  ])('is refused: %s', async (_, tree: Tree) => {
    const path = await writeTree(join(await makeTempDir(), 'base.db'), tree);
    const built = buildOf([], { base: { path, sizeBytes: (await readFile(path)).byteLength } });
    await expect(built).rejects.toMatchObject({
      code: 'ERR_EXPORT_CONTENT_MISMATCH',
      message: expect.stringContaining('no bucket of the base is known'),
    });
  });
});

describe('mergeTrivyDbs', () => {
  it('keeps what only the base has byte for byte, nested buckets and empty values too', async () => {
    const { dump, path } = await mergeTrees(base, own);
    expect(dump.get('Red Hat | bash | RHSA-2024:1')).toBe('{"Entries":[{"Affected":[0,2]}]}');
    expect(dump.get('Red Hat CPE | repository | rhel-9-for-x86_64-baseos-rpms')).toBe('[0,1]');
    expect(dump.get('alpine 3.20 | openssl | CVE-2024-2')).toBe('');
    expect(dump.get('wolfi | curl | CVE-2024-1')).toBe('{"FixedVersion":"8.0.0-r0"}');
    await checkOwnBbolt(path);
  });

  it('puts an own advisory in the place of the official one of the same key', async () => {
    const { dump, conflicts } = await mergeTrees(base, own);
    expect(dump.get('alpine 3.20 | openssl | CVE-2024-1')).toBe('{"FixedVersion":"3.3.9-r9"}');
    expect(conflicts).toContain('replaced CVE-2024-1 1 /alpine 3.20/openssl');
  });

  it('removes an official advisory that would override the own one, and keeps one that the own one overrides', async () => {
    const { dump, conflicts } = await mergeTrees(base, own);
    expect(dump.has(`${GITLAB} | lodash | CVE-2024-3`)).toBe(false);
    expect(dump.get(`${GHSA} | lodash | CVE-2024-3`)).toContain('4.17.21');
    expect(dump.get(`${ACME} | lodash | CVE-2024-3`)).toContain('4.17.98');
    expect(conflicts).toEqual([
      'removed CVE-2024-3 1 /npm::zeta/lodash',
      'replaced CVE-2024-1 1 /alpine 3.20/openssl',
      'shadowed CVE-2024-1 1 /npm::GitHub Security Advisory npm/lodash',
      'shadowed CVE-2024-3 1 /npm::GitHub Security Advisory npm/lodash',
    ]);
  });

  it('lets a value without content be, which Trivy passes over', async () => {
    const empty = { [GITLAB]: { lodash: { 'CVE-2024-1': '' } }, 'data-source': { [GITLAB]: source('zeta') } };
    const { dump, conflicts } = await mergeTrees(empty, own, { sourcePrecedence: ['zeta', 'acme'] });
    expect(dump.get(`${GITLAB} | lodash | CVE-2024-1`)).toBe('');
    expect(dump.get(`${ACME} | lodash | CVE-2024-1`)).toContain('4.17.99');
    expect(conflicts).toEqual([]);
  });

  it('leaves out an own advisory where an official source takes precedence', async () => {
    const { dump, conflicts } = await mergeTrees(base, own, { sourcePrecedence: ['alpine', 'ghsa', 'acme'] });
    expect(dump.get('alpine 3.20 | openssl | CVE-2024-1')).toBe('{"FixedVersion":"3.3.0-r0"}');
    expect(dump.has(`${ACME} | lodash | CVE-2024-1`)).toBe(false);
    expect(dump.get(`${ACME} | acme-lib | ACME-1`)).toContain('1.0.0');
    expect(dump.get(`${GITLAB} | lodash | CVE-2024-3`)).toContain('4.17.22');
    expect(conflicts).toEqual(['outranked CVE-2024-1 2 /npm::acme/lodash', 'outranked CVE-2024-3 1 /npm::acme/lodash']);
  });

  it('unites what both say of a vulnerability', async () => {
    const { dump } = await mergeTrees(base, own);
    expect(dump.get('vulnerability | CVE-2024-1')).toBe(
      '{"Title":"ours too","Severity":"LOW","VendorSeverity":{"acme":1,"nvd":3},"References":["https://a/","https://b/"]}',
    );
    expect(dump.get('vulnerability | CVE-2024-3')).toBe('{"Title":"three","Severity":"LOW"}');
  });

  it('takes texts from the base where a source that takes precedence rates it there', async () => {
    const { dump } = await mergeTrees(base, own, { sourcePrecedence: ['nvd', 'acme'] });
    expect(dump.get('vulnerability | CVE-2024-1')).toContain('"Title":"official","Severity":"HIGH"');
  });

  it.each<[string, string, string]>([
    [
      'with members that objects inherit',
      '{"constructor":{"a":1},"__proto__":{"Title":"x"}}',
      '{"Title":"o","Severity":"LOW","__proto__":{"Title":"x"},"constructor":{"a":1}}',
    ],
    [
      'with JSON that Trivy reads and we would not write',
      '{"Title":"t","Title":"u","Custom":{"n":12345678901234567890,"s":"\\ud800"}}',
      '{"Title":"o","Severity":"LOW","Custom":{"n":12345678901234567000,"s":"\\ud800"}}',
    ],
    ['nested too deeply', `{"Custom":${'['.repeat(9000)}${']'.repeat(9000)}}`, '{"Title":"o","Severity":"LOW"}'],
  ])('unites a vulnerability %s', async (_, official, united) => {
    const ours = json({ Title: 'o', Severity: 'LOW' });
    const { dump } = await mergeTrees({ vulnerability: { 'CVE-1': official } }, { vulnerability: { 'CVE-1': ours } });
    expect(dump.get('vulnerability | CVE-1')).toBe(united);
  });

  it('takes more ratings and entries than a call takes arguments', async () => {
    const many = 150_000;
    const ratings = Object.fromEntries(Array.from({ length: many }, (_, i) => [`s${i}`, 2]));
    const entries = Array.from({ length: many }, () => ({ Severity: 1 }));
    const official = {
      'rocky 9': { bash: { 'CVE-1': json({ Entries: entries }) } },
      vulnerability: { 'CVE-1': json({ VendorSeverity: ratings }) },
    };
    const { dump } = await mergeTrees(official, { vulnerability: { 'CVE-1': json({ Title: 'ours' }) } });
    expect(dump.get('vulnerability | CVE-1')).toContain('"Title":"ours"');
    const { report } = await mergeTrees(official, undefined, { scope: { minimumSeverity: 'high' } });
    expect(report.buckets[0]).toMatchObject({ name: 'rocky 9', leftOut: { severity: { keys: 1 } } });
  });

  it.each<[string, () => Tree, string]>([
    [
      'more buckets of an ecosystem than can be read side by side',
      () => Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`npm::${i}`, { a: { b: '{}' } }])),
      'more than 100 root buckets of npm',
    ],
    [
      'too many names',
      () => Object.fromEntries(Array.from({ length: 600 }, (_, i) => ['n'.repeat(30_000) + i, { b: '{}' }])),
      'bytes of names',
    ],
  ])('refuses a base with %s', async (_, tree, message) => {
    await expect(mergeTrees(tree())).rejects.toMatchObject({
      code: 'ERR_EXPORT_TOO_LARGE',
      message: expect.stringContaining(message),
    });
  });

  it('refuses a root bucket whose name is not UTF-8', async () => {
    const folder = await makeTempDir();
    const path = join(folder, 'base.db');
    await writeBbolt(path, [[...entriesOf(new Map([['npm::\xff', new Map([['a', new Map()]])]]))]]);
    await expect(mergeFiles(folder, path, undefined)).rejects.toMatchObject({ code: 'ERR_EXPORT_CONTENT_MISMATCH' });
  });

  it('accounts for every key of the base', async () => {
    const { report } = await mergeTrees({ ...base, 'vulnerability-detail': { 'CVE-1': { nvd: 'x', osv: 'yz' } } }, own);
    const of = (name: string) => report.buckets.find((bucket) => bucket.name === name);
    expect(of('alpine 3.20')).toMatchObject({ base: 2, kept: 1, replaced: 1, added: 0 });
    expect(of(GITLAB)).toMatchObject({ base: 1, kept: 0, removed: 1 });
    expect(of(ACME)).toMatchObject({ base: 0, added: 3 });
    expect(of('data-source')).toMatchObject({ base: 3, kept: 3, added: 1 });
    expect(of('vulnerability')).toMatchObject({ base: 3, kept: 2, united: 1, added: 1 });
    expect(of('Red Hat CPE')).toMatchObject({ base: 3, kept: 3 });
    expect(of('vulnerability-detail')).toMatchObject({
      base: 2,
      kept: 0,
      leftOut: { buildTime: { keys: 2, bytes: 9 } },
    });
  });

  it('leaves out own rows about Red Hat, whose numbers mean other products in the base', async () => {
    const redHat = { 'Red Hat': { bash: { 'RHSA-9': '{}' } }, 'Red Hat CPE': { repository: { mine: '[0]' } } };
    const { dump, conflicts } = await mergeTrees(base, redHat);
    expect(conflicts).toEqual(['outranked RHSA-9 1 /Red Hat/bash']);
    expect([...dump.keys()].filter((key) => key.includes('RHSA-9') || key.includes('mine'))).toEqual([]);
    const alone = await mergeTrees({ wolfi: base['wolfi'] as Tree }, redHat);
    expect(alone.dump.get('Red Hat CPE | repository | mine')).toBe('[0]');
  });

  it('refuses a base that has a key where the own database has a bucket', async () => {
    await expect(mergeTrees({ [ACME]: { lodash: '{}' } }, own)).rejects.toMatchObject({
      code: 'ERR_EXPORT_CONTENT_MISMATCH',
    });
  });

  it('copies any base that has no own advisories beside it', async () => {
    const folder = await makeTempDir();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(content, async (tree) => {
        fc.pre([...tree.keys()].every((name) => !name.includes('\0')));
        const path = join(folder, `base-${run++}.db`);
        await writeBbolt(path, [[...entriesOf(tree)]]);
        const target = join(folder, `${run}`);
        await mkdir(target);
        const merged = await mergeFiles(target, path, undefined);
        expect((await readFile(merged.path)).equals(await readFile(path))).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('gives what a map of both gives, for any two databases', async () => {
    const folder = await makeTempDir();
    const name = fc.constantFrom('a', 'ab', 'b', 'c', 'd'.repeat(1500));
    const values = fc.dictionary(name, fc.string({ maxLength: 40 }));
    const tree = fc.dictionary(
      fc.constantFrom('alpine 1', 'alpine 2', 'debian 1', 'wolfi'),
      fc.dictionary(name, values),
    );
    let run = 0;
    await fc.assert(
      fc.asyncProperty(tree, tree, async (one, two) => {
        const merged = await mergeTrees(one as Tree, two as Tree);
        const expected = new Map([...(await dumpOf(folder, run++, one)), ...(await dumpOf(folder, run++, two))]);
        const values = [...merged.dump].filter(([, value]) => value !== '{}');
        expect(new Map(values)).toEqual(new Map([...expected].filter(([, value]) => value !== '{}')));
      }),
      { numRuns: 40 },
    );
  });
});

async function dumpOf(folder: string, run: number, tree: unknown) {
  return dumpDb(await writeTree(join(folder, `${run}.db`), tree as Tree));
}
