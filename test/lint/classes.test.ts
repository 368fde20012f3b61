import { expect, test } from 'vitest';
import { inspectClasses } from '../../scripts/classes.ts';

const fields = (count: number): string => Array.from({ length: count }, (_, i) => `#f${i} = ${i};`).join(' ');

test('a class may have eight fields, and any number of static ones, methods and accessors', () => {
  const source = `class A { ${fields(8)} static b = 1; static c = 2; get d() { return 1; } e() {} constructor(f: string) {} }`;
  expect(inspectClasses('a.ts', source)).toEqual([]);
});

test.each([
  ['private fields', `class A { ${fields(9)} }`],
  ['parameters of the constructor', `class A { ${fields(8)} constructor(readonly a: string) {} }`],
  ['declared fields', `class A { ${fields(8)} declare a: string; }`],
  ['a class in a function', `function f() { return class A { ${fields(9)} }; }`],
])('nine fields are refused: %s', (_what, source) => {
  expect(inspectClasses('a.ts', source)).toEqual(['a.ts: A has 9 fields, more than 8']);
});

test('a class without a name, and a file that cannot be parsed', () => {
  expect(inspectClasses('a.ts', `export default class { ${fields(9)} }`)).toEqual([
    'a.ts: a class without a name has 9 fields, more than 8',
  ]);
  expect(inspectClasses('a.ts', 'class {{')).toEqual([expect.stringContaining('a.ts: cannot be parsed')]);
});
