import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  bitnamiGrammar,
  gemGrammar,
  genericGrammar,
  mavenGrammar,
  npmGrammar,
  packageOfPurl,
  pep440Grammar,
  type VersionGrammar,
} from '#versions';
import { ecosystemOf, ecosystemOfTrivy, ecosystems } from '../../../src/artifacts/ecosystems.ts';
import { isInEcosystem, spellEcosystem } from '../../../src/evidence/select/ecosystems.ts';
import { affected, buildOf } from './fixture.ts';

const root = join(import.meta.dirname, '../../..');
const page = readFileSync(join(root, 'docs/formats/trivy-ecosystems.md'), 'utf8');
const pinned = readFileSync(join(root, 'test/peers/go/trivy-versions/go.mod'), 'utf8');

const COMPARERS = new Map<VersionGrammar, readonly [grammar: string, module: string]>([
  [genericGrammar, ['generic', 'aquasecurity/go-version']],
  [pep440Grammar, ['PEP 440', 'aquasecurity/go-pep440-version']],
  [npmGrammar, ['npm', 'aquasecurity/go-npm-version']],
  [mavenGrammar, ['Maven', 'masahiro331/go-mvn-version']],
  [gemGrammar, ['gem', 'aquasecurity/go-gem-version']],
  [bitnamiGrammar, ['Bitnami', 'bitnami/go-version']],
]);

/** Cells of the table rows below a heading, without the markup of code and links. */
function tableBelow(heading: string): string[][] {
  const [, section = ''] = page.split(`\n## ${heading}\n`);
  const [text = ''] = section.split('\n## ', 1);
  const rows = text.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) =>
    row
      .slice(1, -1)
      .split('|')
      .map((cell) =>
        cell
          .trim()
          .replaceAll('`', '')
          .replace(/^\[(.*)\]\(.*\)$/, '$1'),
      ),
  );
}

describe('the table of ecosystems in docs/formats', () => {
  it('has a row for each, with bucket, keys, grammar and comparer', () => {
    const names = new Map(tableBelow('Table').map(([osv = '', , name = '']) => [osv, name]));
    const rows = ecosystems.map(({ osv, trivy, grammar, normalise, keys }) => {
      const name = names.get(osv) ?? '';
      return [osv, trivy, name, (keys?.(name) ?? [normalise(name)]).join(', '), ...(COMPARERS.get(grammar) ?? [])];
    });
    expect(tableBelow('Table')).toEqual(rows);
  });

  it('names libraries that the comparison pins', () => {
    for (const [, module] of COMPARERS.values()) expect(pinned).toContain(`github.com/${module} v`);
  });

  it('has the data source of each prefix', async () => {
    for (const [prefix = '', ecosystem = '', source = ''] of tableBelow('Data sources')) {
      const [id, name] = source.split(', ', 2);
      const isNamed = ecosystems.some(({ osv }) => osv === ecosystem);
      const osv = isNamed ? ecosystem : 'npm';
      const record = {
        id: prefix === 'any other' ? 'ACME-1' : `${prefix}1`,
        affected: [affected(osv, 'a', [{ introduced: '0' }])],
      };
      const { dump } = await buildOf([record]);
      const said = [...dump].filter(([key]) => key.startsWith('data-source | '));
      expect(said).toHaveLength(1);
      expect(said[0]?.[0]).toContain(`::${name?.replace(/ and GitHub's name.*$/, '')}`);
      expect(said[0]?.[1]).toContain(`"ID":"${id}"`);
    }
  });
});

describe.each(ecosystems.map((each) => [each.osv, each] as const))('%s', (osv, ecosystem) => {
  it('is found by each of its names', () => {
    for (const name of [osv, osv.toLowerCase(), `${osv}:suffix`]) expect(ecosystemOf(name)).toBe(ecosystem);
    expect(ecosystemOfTrivy(ecosystem.trivy)).toBe(ecosystem);
  });

  it('can be selected, in whatever case', () => {
    expect(spellEcosystem(osv.toUpperCase())).toBe(osv);
    expect(isInEcosystem(osv.toLowerCase(), osv)).toBe(true);
  });

  it('has package URLs', () => {
    const types = 'golang pypi npm maven cargo gem composer nuget pub hex swift julia bitnami k8s conan'.split(' ');
    const found = types.map((type) => packageOfPurl(`pkg:${type}/a/b@1.0`)?.ecosystem);
    expect(found).toContain(osv);
  });

  it('has one name for all keys of a package, and the name that trivy looks up among them', () => {
    for (const name of ['Acme_Web', 'https://github.com/Acme/Web.git']) {
      for (const key of ecosystem.keys?.(name) ?? []) expect(ecosystem.normalise(key)).toBe(ecosystem.normalise(name));
    }
  });

  it('has rows of its records', async () => {
    const { dump, report } = await buildOf([
      { id: 'ACME-1', affected: [affected(osv, 'Acme-web', [{ introduced: '1.0.0' }, { fixed: '1.2.0' }])] },
    ]);
    const keys = ecosystem.keys?.('Acme-web') ?? [ecosystem.normalise('Acme-web')];
    for (const key of keys) {
      expect(dump.get(`${ecosystem.trivy}::Open Source Vulnerabilities | ${key} | ACME-1`)).toBe(
        '{"PatchedVersions":["1.2.0"],"VulnerableVersions":["\\u003e=1.0.0, \\u003c1.2.0"]}',
      );
    }
    expect(report.losses).toEqual([]);
  });
});

it('knows no other ecosystem', () => {
  for (const name of ['CocoaPods', 'Debian', 'Fedora:40', 'Hackage', 'GIT', ''])
    expect(ecosystemOf(name)).toBeUndefined();
});
