import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffTrivyDbs, type FindingChange } from '#artifacts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { json, type Tree, writeTree } from '../trivy-merge/fixture.ts';

const GHSA = 'npm::GitHub Security Advisory npm';
const ACME = 'npm::acme';

const until = (fixed: string) => json({ PatchedVersions: [fixed], VulnerableVersions: [`<${fixed}`] });
const sources = { [GHSA]: json({ ID: 'ghsa' }), [ACME]: json({ ID: 'acme' }), 'debian 12': json({ ID: 'debian' }) };

async function diff(before: Tree, after: Tree): Promise<FindingChange[]> {
  const folder = await makeTempDir();
  const [old, next] = [join(folder, 'old.db'), join(folder, 'new.db')];
  return Array.fromAsync(diffTrivyDbs({ path: await writeTree(old, before) }, { path: await writeTree(next, after) }));
}

const told = ({ change, group, package: name, id, changed = [] }: FindingChange) =>
  [change, group, name, id, ...changed].join(' ');

describe('diffTrivyDbs', () => {
  it('lists findings that appear, disappear and change, in order', async () => {
    const before = {
      'debian 12': { openssl: { 'CVE-1': json({ FixedVersion: '1' }), 'CVE-2': json({ FixedVersion: '1' }) } },
      [GHSA]: { lodash: { 'CVE-1': until('4.0.0'), 'CVE-2': until('4.0.0') } },
    };
    const after = {
      'debian 12': { openssl: { 'CVE-2': json({ FixedVersion: '2' }) }, zlib: { 'CVE-9': json({ Status: 2 }) } },
      [GHSA]: { lodash: { 'CVE-1': until('4.0.0'), 'CVE-2': until('4.0.1') } },
    };
    expect((await diff(before, after)).map(told)).toEqual([
      'disappears debian 12 openssl CVE-1',
      'changes debian 12 openssl CVE-2 fixed',
      'appears debian 12 zlib CVE-9',
      'changes npm lodash CVE-2 fixed affected',
    ]);
  });

  it('names the one of the two that cannot be read', async () => {
    const tooMany = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`npm::${i}`, { a: { b: '{}' } }]));
    const message = (file: string) => expect.stringMatching(`${file}: more than 100 root buckets of npm`) as string;
    await expect(diff(tooMany, {})).rejects.toMatchObject({ message: message('old.db') });
    await expect(diff({}, tooMany)).rejects.toMatchObject({ message: message('new.db') });
  });

  it('sees of an ecosystem what Trivy sees: the last bucket, and no value without content', async () => {
    const official = { 'data-source': sources, [GHSA]: { lodash: { 'CVE-1': until('4.0.0') } } };
    const before = { ...official, [ACME]: { lodash: { 'CVE-1': until('4.0.9') }, x: { 'CVE-2': '' } } };
    const [only, ...others] = await diff(before, official);
    expect(others).toEqual([]);
    expect(only).toEqual({
      change: 'changes',
      group: 'npm',
      package: 'lodash',
      id: 'CVE-1',
      before: { fixed: '4.0.9', affected: '<4.0.9', severity: 'UNKNOWN', status: 0, source: 'acme' },
      after: { fixed: '4.0.0', affected: '<4.0.0', severity: 'UNKNOWN', status: 0, source: 'ghsa' },
      changed: ['fixed', 'affected'],
    });
  });

  it.each<[string, unknown, unknown, string[]]>([
    [
      'of its source',
      { VendorSeverity: { ghsa: 3, nvd: 1 } },
      { VendorSeverity: { ghsa: 4, nvd: 1 } },
      ['HIGH', 'CRITICAL'],
    ],
    ['of the NVD', { VendorSeverity: { nvd: 1 } }, { VendorSeverity: { nvd: 2 } }, ['LOW', 'MEDIUM']],
    ['that nobody gives', { Severity: 'LOW' }, { Title: 'x' }, ['LOW', 'UNKNOWN']],
    ['that is another source’s', { VendorSeverity: { nvd: 1, redhat: 1 } }, { VendorSeverity: { nvd: 1 } }, []],
    [
      'that only came first',
      { VendorSeverity: { nvd: 1 }, Title: 'a' },
      { VendorSeverity: { nvd: 1 }, Title: 'b' },
      [],
    ],
  ])('tells a severity %s', async (_, before, after, severities) => {
    const rest = { 'data-source': sources, [GHSA]: { lodash: { 'CVE-1': until('4.0.0') } } };
    const changes = await diff(
      { ...rest, vulnerability: { 'CVE-1': json(before) } },
      { ...rest, vulnerability: { 'CVE-1': json(after) } },
    );
    const found = changes.flatMap((change) => [change.before?.severity, change.after?.severity]);
    expect(found).toEqual(severities);
  });

  it('reads entries of Red Hat, Rocky Linux and Oracle', async () => {
    const entries = (fixed: string, cpe: number) => json({ Entries: [{ FixedVersion: fixed, Affected: [cpe] }] });
    const rated = (severity: number) => json({ Entries: [{ Cves: [{ ID: 'CVE-1', Severity: severity }] }] });
    const changes = await diff(
      { 'Red Hat': { bash: { 'RHSA-1': entries('1', 1), 'RHSA-2': entries('1', 1), 'RHSA-3': rated(2) } } },
      { 'Red Hat': { bash: { 'RHSA-1': entries('2', 1), 'RHSA-2': entries('1', 7), 'RHSA-3': rated(4) } } },
    );
    expect(changes.map(told)).toEqual([
      'changes Red Hat bash RHSA-1 fixed',
      'changes Red Hat bash RHSA-2 affected',
      'changes Red Hat bash RHSA-3 severity',
    ]);
  });

  it('takes more entries than a call takes arguments', async () => {
    const Entries = Array.from({ length: 150_000 }, () => ({ Cves: [{ Severity: 2 }] }));
    const changes = await diff(
      { 'rocky 9': { bash: { 'CVE-1': json({ Entries }) } } },
      { 'rocky 9': { bash: { 'CVE-1': json({ Severity: 3.5 }) } } },
    );
    expect(changes).toMatchObject([{ before: { severity: 'MEDIUM' }, after: { severity: 'UNKNOWN' } }]);
  });

  it('finds nothing between a database and itself, and everything against an empty one', async () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const values = fc.dictionary(name, fc.constantFrom('{"FixedVersion":"1"}', '{"FixedVersion":"2"}'));
    const roots = fc.constantFrom('alpine 1', 'npm::a', 'npm::b', 'wolfi');
    await fc.assert(
      fc.asyncProperty(fc.dictionary(roots, fc.dictionary(name, values)), async (tree) => {
        expect(await diff(tree as Tree, tree as Tree)).toEqual([]);
        const there = await diff({}, tree as Tree);
        const back = await diff(tree as Tree, {});
        expect(back.map(({ change: _, ...rest }) => rest.before)).toEqual(there.map(({ after }) => after));
        const seen = Object.entries(tree).flatMap(([root, packages]) =>
          Object.entries(packages).flatMap(([pkg, ids]) =>
            Object.keys(ids).map((id) => [root.startsWith('npm') ? 'npm' : root, pkg, id].join(' ')),
          ),
        );
        expect(new Set(there.map(({ group, package: pkg, id }) => [group, pkg, id].join(' ')))).toEqual(new Set(seen));
      }),
      { numRuns: 30 },
    );
  });
});
