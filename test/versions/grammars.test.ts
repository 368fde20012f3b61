import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bitnamiGrammar } from '../../src/versions/bitnami.ts';
import { gemGrammar } from '../../src/versions/gem.ts';
import { genericGrammar } from '../../src/versions/generic.ts';
import type { VersionGrammar } from '../../src/versions/grammar.ts';
import { mavenGrammar } from '../../src/versions/maven.ts';
import { npmGrammar } from '../../src/versions/npm.ts';
import { pep440Grammar } from '../../src/versions/pep440.ts';

// Each row was asked of the library that trivy 0.74 links; a table here, since the tests need no Go.

const MAX = '18446744073709551615';
const BEYOND = '18446744073709551616';

interface Table {
  readonly grammar: VersionGrammar;
  /** In ascending order; in one item, versions that are equal. */
  readonly ascending: readonly (readonly string[])[];
  readonly bounds: readonly string[];
  readonly noBounds: readonly string[];
  readonly notInstalled: readonly string[];
}

const tables: Readonly<Record<string, Table>> = {
  'Go, crates.io and most others': {
    grammar: genericGrammar,
    ascending: [
      ['0.0.0-20161202202307-abcdef012345'],
      ['0.0.0-20190101000000-abcdef012345'],
      ['0', '0.0', 'v0.0.0'],
      ['1-0', '1.0.0-0'],
      ['1.0.0-1'],
      ['1.0.0-10'],
      ['1.0.0-alpha', '1.0-alpha', '1alpha', '1.0.0-alpha+meta'],
      ['1.0.0-alpha.1'],
      ['1.0.0-alpha.beta'],
      ['1.0.0-beta.2'],
      ['1.0.0-beta.11'],
      ['1.0.0-rc.1'],
      ['1', 'v1.0.0', '1.0.0+incompatible', '01.0'],
      ['1.0.0.0.1'],
      ['1.2'],
      ['1.10.0'],
      ['9007199254740992'],
      ['9007199254740993'],
      [MAX],
    ],
    bounds: [
      '0',
      'v1.2.3',
      '1.2.3.4.5',
      '1.7rc2',
      '1.0-',
      '1.0.0-w.Y.0+metadata~dist',
      '1.2-5',
      ' 1.0',
      '1.0\n',
      'V1.0',
      '1.0+a_b',
    ],
    noBounds: ['', 'foo', '1.2.', '1.2.beta', '1.0 2.0', '1.0.0-x.1', '1.2,3', '^1.2', '1.x', BEYOND, '1.0||2.0'],
    notInstalled: ['', 'latest', '1.0.0 ', BEYOND],
  },
  npm: {
    grammar: npmGrammar,
    ascending: [
      ['0', '0.0.0'],
      ['1.0.0-0'],
      ['1.0.0-alpha'],
      ['1.0.0-alpha.1'],
      ['1.0.0-beta'],
      ['1', '1.0', '1.0.0', 'v1.0.0', '1.0.0+build'],
      ['1.0.10', '1.00.10'],
      ['2.0.0-rc.1'],
      ['2.0.0'],
      [`${MAX}.0.0`],
    ],
    bounds: ['0', '1.2', 'v1.2.3', '1.2.3-rc.1+sha.5', '01.2.3'],
    noBounds: ['', '*', '1.x', '1.2.3.4', '1.2.3-x', '1.2.3-rc.*', '1|2', '1.2.3 || 2', '1.2.3 2.0.0', `${BEYOND}.0.0`],
    notInstalled: ['1.2', 'v1.2.3', '01.2.3', '1.2.3-01', ' 1.2.3', 'latest'],
  },
  PyPI: {
    grammar: pep440Grammar,
    ascending: [
      ['1.dev0', '1.0.dev', '1_dev0'],
      ['1a0.dev1'],
      ['1a0', '1alpha', '1.0.ALPHA0', '1-a.0'],
      ['1a1'],
      ['1b1', '1.0beta1'],
      ['1rc1', '1c1', '1pre1', '1.0-preview_1'],
      ['1', '1.0.0', 'v1', ' 1.0 ', '1+local', '1.0+ubuntu.2', '0!1'],
      ['1.post0.dev1'],
      ['1.post0', '1-0', '1.0rev', '1r0'],
      ['1.post1', '1.0-1'],
      ['1.0.1'],
      ['1.10'],
      ['9007199254740992'],
      ['9007199254740993'],
      ['1!0.1'],
    ],
    bounds: ['0', '1.0RC1', '3.8.0a7', '2013.9.11', '1.0-1', '1!2.0', ' 1.0'],
    noBounds: [
      '',
      '2.0.0-final',
      '0.9-ivysaur',
      '0.7.1.fix1',
      'trunk',
      '2019-09-12',
      '1.0.*',
      '1.0+local',
      '1,2',
      BEYOND,
    ],
    notInstalled: ['0.3m1', '3.0.0b3-', '2013-01-21T20:33:09+0100', '1.0 2'],
  },
  Maven: {
    grammar: mavenGrammar,
    ascending: [
      ['1.RC1', '1.cr1'],
      ['1-alpha-1', '1a1', '1-alpha1', '1.0-ALPHA-1'],
      ['1-beta'],
      ['1-m2', '1-milestone2'],
      ['1-rc1', '1-cr1'],
      ['1-SNAPSHOT'],
      ['1', '1.0', '1.0.0', '1-ga', '1.0.Final', '1.RELEASE', '1-0'],
      ['1-sp'],
      ['1-foo'],
      ['1-redhat-1'],
      ['1-1'],
      ['1.1'],
      ['1.10'],
      ['1.20230101000000', '1.0020230101000000'],
      ['2.0'],
    ],
    bounds: ['0', '1.0.0.Final', '31.1-jre', '1.2_3~4+5', 'r09', '1.0-', '..'],
    noBounds: ['', '[1.0,2.0)', '1.0,2.0', '1.0 2.0', '(,1]', 'é', '1.0/2'],
    notInstalled: ['', '1.0 final'],
  },
  RubyGems: {
    grammar: gemGrammar,
    ascending: [
      ['0.0.0.A', '0.A'],
      ['0', '0.0', '0.0.0'],
      ['1.0.a', '1.a', '1.0.0.a.0'],
      ['1.0.a1'],
      // Letters count one by one, and each comes before the zero that stands for nothing.
      ['1.0.beta', '1.0.b.e.t.a'],
      ['1.0.beta.2', '1.0.beta2'],
      ['1.0.beta.11'],
      ['1.0.b'],
      ['1.0-rc1', '1.0.pre.rc1'],
      ['1.0-0', '1.0.pre'],
      ['1.0-1'],
      ['1.0.rc1', '1.0.rc.1', '1.0rc1'],
      ['1', '1.0', 'v1.0', '1.0.0', ' 1.0 ', '01.0'],
      ['1.0.1'],
      ['1.10'],
      ['1.20230101000000', '1.0020230101000000'],
      ['9007199254740992'],
      ['9007199254740993'],
      [MAX],
    ],
    bounds: ['0', '1.2.3.4.5', '1.0.0.rc1', '1.0-rc.1', 'v1.2', ' 1.0\n', '3.0.0.beta4'],
    noBounds: ['', '1rc1', '1.2.', '1.0-', '1.0+x', '1.0_1', '^1.2', '~> 1.2', '1.0 2.0', '1.0||2.0', BEYOND],
    notInstalled: ['', 'v1.0', 'latest', '1rc1', '1.0+x'],
  },
  Bitnami: {
    grammar: bitnamiGrammar,
    ascending: [
      ['0', '0.0.0'],
      ['1', '1.0', '1.0.0', 'v1.0.0', '1.0.0+build', '01.00.0', '1.0.0-x'],
      ['1.0.0-0'],
      ['1.0.0-1', '1.0.0-1+build'],
      ['1.0.0-10'],
      ['1.0.0-alpha'],
      ['1.0.0-alpha.1'],
      ['1.0.0-beta'],
      ['1.0.1'],
      ['1.10.0'],
      ['2023.3.20', '2023.03.20'],
      [`${MAX}.0.0`],
    ],
    bounds: ['0', '1.2', 'v1.2.3', '2023.03.20', '1.2.3-4', '1.2.3-x'],
    noBounds: ['', '*', '1.x', '1.2.3.4', '1.2.3-rc.*', '1|2', '1.2.3 2.0.0', `${BEYOND}.0.0`],
    notInstalled: ['1.2', 'v1.2.3', '01.2.3', '1.2.3-01', ' 1.2.3', 'latest'],
  },
};

describe.each(Object.entries(tables))('%s', (_, { grammar, ascending, bounds, noBounds, notInstalled }) => {
  const versionOf = (text: string): unknown => {
    const found = grammar.bound(text) ?? grammar.installed(text);
    if (found === undefined) throw new Error(`${text} is no version`);
    return found.version;
  };

  it('orders versions as trivy does', () => {
    for (const [i, left] of ascending.entries()) {
      for (const [j, right] of ascending.entries()) {
        for (const [a, b] of left.flatMap((x) => right.map((y) => [x, y] as const))) {
          expect([a, b, Math.sign(grammar.compare(versionOf(a), versionOf(b))) + 0]).toEqual([a, b, Math.sign(i - j)]);
        }
      }
    }
  });

  it.each(bounds)('takes %j as a bound', (text) => {
    expect(grammar.bound(text)).toBeDefined();
  });

  it.each(noBounds)('takes %j as no bound', (text) => {
    expect(grammar.bound(text)).toBeUndefined();
  });

  it('takes no text longer than 256 characters, however it begins', () => {
    for (const text of [
      '1'.repeat(257),
      ' '.repeat(160_000),
      `1.0-${'a'.repeat(160_000)}`,
      `1.0+${'-'.repeat(160_000)}`,
    ]) {
      expect([grammar.bound(text), grammar.nearest(text), grammar.installed(text)]).toEqual(Array(3).fill(undefined));
    }
    expect(grammar.bound(`1.${'0'.repeat(14)}.1`)).toBeDefined();
  });

  it.each(['', 'latest', '^1.0', '[1.0,2.0)', 'x', '.1'])('knows nothing near %j', (text) => {
    expect(grammar.nearest(text)).toBeUndefined();
  });

  it('finds bounds that it takes near every text that begins with a version', () => {
    fc.assert(
      fc.property(fc.constantFrom('1', '1.2', 'v0.10.3', '3.0.1'), fc.string({ unit: 'grapheme' }), (begin, rest) => {
        const text = `${begin}${rest}`;
        const nearest = grammar.bound(text) === undefined ? grammar.nearest(text) : undefined;
        if (nearest === undefined) return;
        const { near, from, to } = nearest;
        for (const { text: spelled, version } of [near, from, to.bound]) {
          const read = grammar.bound(spelled);
          expect([read?.text, grammar.compare(read?.version, version)]).toEqual([spelled, 0]);
        }
        expect(grammar.compare(from.version, near.version)).toBeLessThanOrEqual(0);
        expect(grammar.compare(near.version, to.bound.version)).toBeLessThanOrEqual(0);
      }),
    );
  });

  it.each(notInstalled)('knows that %j cannot be installed, or not be named', (text) => {
    expect(grammar.installed(text)).toBeUndefined();
  });
});

describe('spelling', () => {
  it.each([
    ['1.0RC1', '1.0rc1'],
    [' 1.0.POST2 ', '1.0.post2'],
    // Trivy would read the first letter of these alone.
    ['1.0beta2', '1.0b2'],
    ['1!01.0-ALPHA', '1!01.0a0'],
    ['1.0preview3.dev4', '1.0rc3.dev4'],
    // What it reads whole stays as the record has it.
    ['1.0.0', '1.0.0'],
    ['v1.0-1', 'v1.0-1'],
    ['1.0c1', '1.0c1'],
  ])('of PyPI: %j is written %j', (text, spelled) => {
    expect(pep440Grammar.bound(text)?.text).toBe(spelled);
  });

  it('of PyPI: a local label may be listed, but not be a bound', () => {
    expect(pep440Grammar.installed('1.0+Local.1')?.text).toBe('1.0+local.1');
  });

  it.each([
    ['1', '1.0.0'],
    ['v1.2', 'v1.2.0'],
    ['1.2-rc.1+sha', '1.2.0-rc.1+sha'],
    ['1.2.3-rc.1', '1.2.3-rc.1'],
  ])('of npm: %j is written %j, since npm would take the short form for a pattern', (text, spelled) => {
    expect(npmGrammar.bound(text)?.text).toBe(spelled);
  });
});

it('PEP 440: a constraint with a local label is equal to that version alone', () => {
  const isEqual = (version: string, constraint: string): boolean | undefined => {
    const [a, b] = [pep440Grammar.installed(version), pep440Grammar.installed(constraint)];
    if (a === undefined || b === undefined) throw new Error('no version');
    return pep440Grammar.isEqual?.(a.version, b.version);
  };
  expect(isEqual('2.0+cu118', '2.0+CU118')).toBe(true);
  expect(isEqual('2.0+cu.01', '2.0+cu.1')).toBe(true);
  expect(isEqual('2.0+cu.1', '2.0+cu-1')).toBe(false);
  expect(isEqual('2.0+cu117', '2.0+cu118')).toBe(false);
  expect(isEqual('2.0', '2.0+cu118')).toBe(false);
  expect(isEqual('2.0+cu118', '2.0.0')).toBe(true);
  expect(isEqual('2.1', '2.0')).toBe(false);
});

it('a listed version with a wildcard in its pre-release is spelled without', () => {
  expect(npmGrammar.installed('1.2.3-rc.x')?.text).toBe('1.2.3-rc.x-');
  expect(genericGrammar.installed('v1.2.3-X+meta')?.text).toBe('v1.2.3-X-');
});

it('PEP 440: a bound that is no pre-release leaves its own pre-releases out', () => {
  const below = (version: string, bound: string): boolean | undefined => {
    const [a, b] = [pep440Grammar.installed(version), pep440Grammar.bound(bound)];
    if (a === undefined || b === undefined) throw new Error('no version');
    return pep440Grammar.isBelow?.(a.version, b.version);
  };
  expect(below('3.8.0a7', '3.8')).toBe(false);
  expect(below('3.8.dev1', '3.8')).toBe(false);
  expect(below('3.7.9rc1', '3.8')).toBe(true);
  expect(below('3.8a6', '3.8a7')).toBe(true);
  expect(below('0!3.8a1', '1!3.8')).toBe(true);
  expect(below('3.8', '3.8')).toBe(false);
});
