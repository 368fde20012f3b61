import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ratingOf, scoreOf } from '../../src/evidence/cvss.ts';

const golden = readFileSync(join(import.meta.dirname, 'golden/cvss-scores.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split(' ') as [vector: string, base: string, environmental: string]);

describe('scoreOf', () => {
  test('scores as two calculators of others do', () => {
    expect(golden.length).toBe(800);
    const scored = golden.map(([vector]) => {
      const score = scoreOf(vector);
      return [vector, score?.base.toFixed(1), score?.environmental.toFixed(1)];
    });
    expect(scored).toEqual(golden);
  });

  // Scores as the National Vulnerability Database or the specification's examples state them.
  test.each([
    ['CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H', '3.1', 10],
    ['CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H', '3.1', 9.8],
    ['CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H', '3.0', 7.5],
    ['CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N', '3.1', 6.4],
    ['CVSS:3.1/AV:P/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N', '3.1', 0],
    ['AV:N/AC:L/Au:N/C:N/I:N/A:C', '2.0', 7.8],
    ['AV:N/AC:L/Au:N/C:C/I:C/A:C', '2.0', 10],
    ['AV:L/AC:H/Au:M/C:N/I:N/A:N', '2.0', 0],
    ['CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H', '4.0', 10],
    ['CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N', '4.0', 9.3],
    ['CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N', '4.0', 0],
  ])('%s', (vector, version, base) => {
    const score = scoreOf(vector);
    expect(score).toMatchObject({ version, base });
    expect(Object.is(score?.base, -0)).toBe(false);
  });

  test.each([
    '',
    'AV:N',
    'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H',
    'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/A:H',
    'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:X',
    'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/',
    'CVSS:3.2/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H',
    'AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H',
    '(AV:N/AC:L/Au:N/C:C/I:C/A:C)',
    'CVSS:4.0/AC:L/AV:N/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H',
    'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/__proto__:X',
  ])('gives nothing for %j', (vector) => {
    expect(scoreOf(vector)).toBeUndefined();
  });
});

describe('ratingOf', () => {
  test.each([
    ['3.1', 0, 'none'],
    ['3.1', 0.1, 'low'],
    ['3.1', 3.9, 'low'],
    ['3.1', 4, 'medium'],
    ['3.0', 6.9, 'medium'],
    ['3.1', 7, 'high'],
    ['4.0', 8.9, 'high'],
    ['4.0', 9, 'critical'],
    ['3.1', 10, 'critical'],
    ['2.0', 0, 'none'],
    ['2.0', 0.1, 'low'],
    ['2.0', 3.9, 'low'],
    ['2.0', 4, 'medium'],
    ['2.0', 7, 'high'],
    ['2.0', 10, 'high'],
  ] as const)('of %s %d is %s', (version, score, rating) => {
    expect(ratingOf(version, score)).toBe(rating);
  });
});
