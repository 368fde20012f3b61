import { describe, expect, it } from 'vitest';
import { apkGrammar, debGrammar, rpmGrammar, type VersionGrammar } from '#versions';

// Each order was asked of the library that trivy 0.74 links; tables here, since the tests need no Go.

interface Table {
  readonly grammar: VersionGrammar;
  /** In ascending order; in one item, versions that are equal. */
  readonly ascending: readonly (readonly string[])[];
  readonly invalid: readonly string[];
}

const tables: Readonly<Record<string, Table>> = {
  apk: {
    grammar: apkGrammar,
    ascending: [
      ['1.0'],
      ['1.1_alpha'],
      ['1.1_beta1'],
      ['1.1_pre2'],
      ['1.1_rc1-r0'],
      ['1.1'],
      ['1.1-r0'],
      ['1.1-r1', '1.1-x1'],
      ['1.1-r10'],
      ['1.1_cvs'],
      ['1.1_git20240101'],
      ['1.1_p1'],
      ['1.1a'],
      ['1.1b'],
      ['1.1.1'],
      ['1.9'],
      ['1.10'],
      ['1.9007199254740992'],
      ['1.9007199254740993'],
    ],
    invalid: ['', '1.0-', '1.0_', '1.0_beta-alpha', '1.0_RC1', '1.0 ~', 'V1.0', '1:1.0', '1.0a.2', '1.é'],
  },
  deb: {
    grammar: debGrammar,
    ascending: [
      ['0~~'],
      ['0~'],
      ['0', '0-0', '00', ' 0 '],
      ['0a'],
      ['0+dfsg'],
      ['1.0~rc1-1'],
      ['1.0', '1.0-0'],
      ['1.0-1~deb12u1'],
      ['1.0-1'],
      ['1.0-1ubuntu0.1', '1.0-1ubuntu0.01'],
      ['1.0-1+deb12u1'],
      ['1.0-1+deb12u2'],
      ['1.0-1+deb12u10'],
      ['1.9007199254740992'],
      ['1.9007199254740993'],
      ['1.9223372036854775807', `1.${'9'.repeat(30)}`],
      ['1:0.1', '+1:0.1', '01:0.1'],
      ['2:0'],
    ],
    invalid: ['', '-1', 'v1', '-1:1', 'a:1', ':1', '9223372036854775808:1', '1 0', '1.0^', '1:', '1.é'],
  },
  rpm: {
    grammar: rpmGrammar,
    ascending: [
      ['~1'],
      ['^1'],
      ['a'],
      ['0', '00', '0:0'],
      ['1.0~rc1-1.el9'],
      ['1.0', 'x:1.0'],
      ['1.0-1.el9'],
      ['1.0-1.el9_2'],
      ['1.0-1.el10'],
      ['1.0-10.el9'],
      ['1.0^git1-1'],
      ['1.0.1', '1_0_1', '1.0.01'],
      ['1.9'],
      ['1.10'],
      [`1.${'9'.repeat(30)}`],
      ['1:0.1', '+1:0.1'],
      ['2:0'],
    ],
    invalid: ['', ' ', '-1', '...', '1 0', '1:', '1.é'],
  },
};

describe.each(Object.entries(tables))('versions of %s', (_name, { grammar, ascending, invalid }) => {
  it('are ordered as trivy orders them', () => {
    const versions = ascending.flatMap((texts, rank) =>
      texts.map((text) => ({ text, rank, version: grammar.bound(text)?.version })),
    );
    for (const a of versions) {
      expect(a.version, a.text).toBeDefined();
      for (const b of versions) {
        const order = Math.sign(grammar.compare(a.version, b.version));
        expect(`${a.text} ${order} ${b.text}`).toBe(`${a.text} ${Math.sign(a.rank - b.rank)} ${b.text}`);
      }
    }
  });

  it('are refused where trivy could not read them, or nothing could be compared', () => {
    for (const text of invalid) expect(grammar.bound(text), text).toBeUndefined();
    expect(grammar.bound('1'.repeat(257))).toBeUndefined();
  });
});

it('writes an epoch of 0 of rpm as trivy-db does', () => {
  expect(rpmGrammar.bound('0:1.0-1')?.text).toBe('1.0-1');
  expect(rpmGrammar.bound('1:1.0-1')?.text).toBe('1:1.0-1');
});
