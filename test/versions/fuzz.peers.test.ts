import { expect, test } from 'vitest';
import {
  bitnamiGrammar,
  gemGrammar,
  genericGrammar,
  mavenGrammar,
  npmGrammar,
  pep440Grammar,
  type VersionGrammar,
} from '#versions';
import { describePeers } from '../peers/peers.ts';
import { type Alphabet, compareWithLibrary, randomFrom, textsOf } from './fuzz.ts';

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

describePeers(['trivy-versions'], 'a grammar and the library that trivy reads versions with', () => {
  test.each(Object.entries(grammars))(
    'agree on versions and constraints of %s',
    async (library, [grammar, alphabet]) => {
      const texts = textsOf(alphabet, randomFrom(seed));
      expect(await compareWithLibrary(library, grammar, texts, pairs)).toEqual([]);
    },
    60_000 + 4 * pairs,
  );

  test('disagree where the grammar is another’s: the comparison can fail', async () => {
    const texts = textsOf({ prefixes: [''], pieces: ['-', '.', 'a', 'rc'] }, randomFrom(seed));
    expect(await compareWithLibrary('bitnami', npmGrammar, texts, 1000)).not.toEqual([]);
    expect(await compareWithLibrary('gem', genericGrammar, texts, 1000)).not.toEqual([]);
  });
});
