import { expect, test } from 'vitest';
import { inspectRegexes } from '../../scripts/regexes.ts';

test.each([
  ['a repeat inside a repeat', 'const a = /^(?:x+)+$/;', 'exponential'],
  ['alternatives that begin alike', 'const a = /^(?:x|xx?)*$/;', 'exponential'],
  ['alternatives that can match the same', 'const a = /^(?:a|[ab])*$/;', 'exponential'],
  ['a loop of parts that can be left out', 'const a = /^(?:a?b?a?)*$/;', 'exponential'],
  ['a loop of counted repeats', 'const a = /^(?:a{1,9})*$/;', 'exponential'],
  ['repeats beside each other', 'const a = /^\\s*(\\d*)\\s*-\\s*(\\d*)\\s*$/;', 'at least quadratic'],
  ['repeats with something optional between them', 'const a = /^\\d*\\.?\\d*$/;', 'at least quadratic'],
  ['repeats of which one is lazy', 'const a = /^ *([^ ].*?) *$/;', 'at least quadratic'],
  ['an end that is trimmed', "const a = 'x'.replace(/\\s+$/, '');", 'at least quadratic'],
  ['a search from any place', 'const a = /<[^>]*>/g;', 'at least quadratic'],
  ['a pattern in a string', "const a = new RegExp('a+$');", 'at least quadratic'],
  ['a pattern made of constants', 'const WORD = "a+";\nconst a = new RegExp(`^` + WORD + WORD + "$");', 'at least'],
  ['a pattern that is made at run time', 'const a = (b: string) => new RegExp("^" + b);', 'not constant'],
  ['a call of RegExp without new', 'const a = (b: string) => RegExp(b);', 'not constant'],
  ['a loop of words', 'const a = /^(?:[0-9a-f]{2})+$/;', 'fails on long texts'],
  ['a loop of words within one that is limited', 'const a = /^(?:a(?:b|cd)*;){0,9}$/;', 'fails on long texts'],
  ['a loop of characters of one or two units', 'const a = /^[^x]+$/u;', 'fails on long texts'],
  ['a loop that counts its first rounds', 'const a = /^[0-9a-f]{64,}$/;', 'fails on long texts'],
  ['such a loop that is looked for', 'const a = /^(?=.*;)/su;', 'fails on long texts'],
  ['a file that cannot be read', 'const = /a/;', 'cannot be parsed'],
])('finds %s', (_what, source, fault) => {
  expect(inspectRegexes('src/a.ts', source)).toEqual([expect.stringContaining(fault)]);
});

test('names the line, the pattern and what has to be repeated', () => {
  expect(inspectRegexes('src/a.ts', "const a = 1;\n\nexport const b = 'x'.split(/0+$/);\n")).toEqual([
    'src/a.ts:3: /0+$/ takes at least quadratic time on many 0',
  ]);
});

test.each([
  ['a class that is anchored at both ends', 'const a = /^[a-z0-9-]+$/;'],
  ['parts that a fixed character keeps apart', 'const a = /^[a-z]+(?:\\.[a-z]+){0,127}$/;'],
  ['a search that begins where the last one ended', 'const a = /[ \\t]*,/y;'],
  ['a limited loop of words of a fixed length', 'const a = /^(?:[0-9a-f]{64}|[0-9a-f]{32}x|no){0,99}$/;'],
  ['a loop of characters of one unit', 'const a = /^[a-z]+$/u;'],
  ['a pattern of constants', 'const a = new RegExp(`^[0-9]+` + "$", "u");'],
])('leaves alone %s', (_what, source) => {
  expect(inspectRegexes('src/a.ts', source)).toEqual([]);
});
