import { expect, test } from 'vitest';
import {
  apkGrammar,
  bitnamiGrammar,
  debGrammar,
  gemGrammar,
  genericGrammar,
  mavenGrammar,
  npmGrammar,
  pep440Grammar,
  rpmGrammar,
  type VersionGrammar,
} from '#versions';
import { describePeers } from '../peers/peers.ts';
import { type Alphabet, compareWithLibrary, compareWithOrder, randomFrom, textsOf } from './fuzz.ts';

// More pairs, and others: EXPORT_CENTER_PAIRS=500000 EXPORT_CENTER_SEED=7 npx vitest run --project long FILE.
const pairs = Number(process.env['EXPORT_CENTER_PAIRS'] ?? 5000);
const seed = Number(process.env['EXPORT_CENTER_SEED'] ?? 1);

const semver = [
  '-',
  '-',
  '+',
  '.',
  '.',
  'alpha',
  'beta',
  'rc',
  'x',
  'X',
  '*',
  'dev',
  'a',
  'b',
  'A',
  '~',
  '_',
  ' ',
  '-0',
];

const grammars: Readonly<Record<string, readonly [VersionGrammar, Alphabet]>> = {
  bitnami: [bitnamiGrammar, { prefixes: ['', '', '', 'v'], pieces: semver }],
  gem: [
    gemGrammar,
    {
      prefixes: ['', '', '', '', 'v'],
      pieces: ['.', '.', '.', '-', 'a', 'b', 'rc', 'pre', 'Z', '.rc', '.beta', '_', '+', ' '],
    },
  ],
  generic: [genericGrammar, { prefixes: ['', '', 'v', 'V'], pieces: semver }],
  maven: [
    mavenGrammar,
    {
      prefixes: ['', '', '', 'r', '-'],
      pieces: [
        '-',
        '-',
        '.',
        '.',
        'alpha',
        'a',
        'beta',
        'm',
        'rc',
        'cr',
        'SNAPSHOT',
        'Final',
        'ga',
        'sp',
        'jre',
        '_',
        '+',
        '~',
        ' ',
      ],
    },
  ],
  npm: [npmGrammar, { prefixes: ['', '', '', 'v'], pieces: semver }],
  pep440: [
    pep440Grammar,
    {
      prefixes: ['', '', '', 'v', '1!', '0!'],
      pieces: [
        'a',
        'b',
        'rc',
        'c',
        'alpha',
        'beta',
        'pre',
        'preview',
        '.post',
        '-',
        'r',
        'rev',
        '.dev',
        'DEV',
        '+',
        'local',
        '_',
        '.',
        '.',
        ' ',
      ],
    },
  ],
};

/** Of operating systems. Whatever text is a version to the library of rpm. */
const orders: Readonly<Record<string, readonly [grammar: VersionGrammar, readsAll: boolean, Alphabet]>> = {
  apk: [
    apkGrammar,
    false,
    {
      prefixes: ['', '', '', '', '', 'v', 'a', '.'],
      pieces: [
        '.',
        '.',
        '-r',
        '-r0',
        '-r1',
        '-',
        'a',
        'b',
        'z',
        'A',
        '_',
        '_alpha',
        '_beta',
        '_pre',
        '_rc',
        '_cvs',
        '_svn',
      ].concat(['_git', '_hg', '_p', 'p', '~', '+', ':', ' ']),
    },
  ],
  deb: [
    debGrammar,
    false,
    {
      prefixes: ['', '', '', '', '0:', '1:', '2:', '-1:', '+1:', ':', 'a:', '9223372036854775808:', 'v'],
      pieces: [
        '.',
        '.',
        '-',
        '-',
        '+',
        '~',
        '~',
        ':',
        '_',
        'a',
        'b',
        'Z',
        'deb',
        'ubuntu',
        '+deb12u',
        '~rc',
        '+dfsg',
        ' ',
        '^',
        '%',
      ],
    },
  ],
  rpm: [
    rpmGrammar,
    true,
    {
      prefixes: ['', '', '', '', '0:', '1:', '00:', '2:', '-1:', '+1:', ':', 'a:', '9223372036854775808:', 'v'],
      pieces: [
        '.',
        '.',
        '-',
        '-',
        '+',
        '~',
        '~',
        '^',
        '^',
        ':',
        '_',
        'a',
        'b',
        'Z',
        'el',
        '.el9',
        'rc',
        '.module+',
        ' ',
        '%',
      ],
    },
  ],
};

describePeers(['trivy-versions'], 'a grammar and the library that trivy reads versions with', () => {
  test.each(Object.entries(grammars))(
    'agree on versions and constraints of %s',
    async (library, [grammar, alphabet]) => {
      const texts = textsOf(alphabet, randomFrom(seed));
      expect(await compareWithLibrary(library, grammar, texts, pairs)).toEqual([]);
    },
    60_000 + 4 * pairs,
  );

  test.each(Object.entries(orders))(
    'agree on the order of versions of %s',
    async (library, [grammar, readsAll, alphabet]) => {
      const texts = textsOf(alphabet, randomFrom(seed));
      expect(await compareWithOrder(library, grammar, texts, { pairs, readsAll })).toEqual([]);
    },
    60_000 + 4 * pairs,
  );

  test('disagree where the grammar is another’s: the comparison can fail', async () => {
    const texts = textsOf({ prefixes: [''], pieces: ['-', '.', 'a', 'rc'] }, randomFrom(seed));
    expect(await compareWithLibrary('bitnami', npmGrammar, texts, 1000)).not.toEqual([]);
    expect(await compareWithLibrary('gem', genericGrammar, texts, 1000)).not.toEqual([]);
    expect(await compareWithOrder('apk', debGrammar, texts, { pairs: 1000, readsAll: false })).not.toEqual([]);
    expect(await compareWithOrder('deb', rpmGrammar, texts, { pairs: 1000, readsAll: true })).not.toEqual([]);
    expect(await compareWithOrder('rpm', debGrammar, texts, { pairs: 1000, readsAll: true })).not.toEqual([]);
  });
});
