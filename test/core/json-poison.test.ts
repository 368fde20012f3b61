import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { CanonicalReader, canonicalText, type JsonValue, parseJson, parseKnownJson } from '#core';
import { escapedJsonText } from './json-texts.ts';
import { POISON, poisonNativeParser, readJson } from './read-json.ts';

const quick = new CanonicalReader();
const readers: [string, (text: string) => JsonValue][] = [
  ['parseJson', (text) => parseJson(Buffer.from(text), 'text')],
  ['parseKnownJson of bytes', (text) => parseKnownJson(Buffer.from(text))],
  ['parseKnownJson of a text', (text) => parseKnownJson(text)],
  ['CanonicalReader', (text) => quick.read(Buffer.from(text), 'text').value],
];

beforeEach(poisonNativeParser);

test('native JSON.parse still misreads escaped member names (nodejs/node issue 63785)', () => {
  poisonNativeParser();
  // biome-ignore lint/plugin: this is the fault itself
  const found = Object.keys((JSON.parse('{"x":{"a":1,"\\n":2}}') as { x: object }).x);
  expect(
    found,
    `Node ${process.version} reads escaped member names rightly: this test and what src/core/json/native-json.ts does ` +
      'against it can go once every Node that package.json allows is as good',
  ).toEqual(['a', '\\']);
});

describe.each(readers)('%s after an earlier text with a name that is a backslash', (_name, read) => {
  test.each([
    ['a line feed', '\\n'],
    ['a quote', '\\"'],
    ['a slash', '\\/'],
    ['a letter by its code', '\\u0062'],
    ['a backslash by its code', '\\u005c'],
    ['a pair of surrogates', '\\ud83d\\ude00'],
    ['a name that begins with a backslash', '\\\\u0061'],
    ['an escape behind plain letters', 'b\\tc'],
  ])('reads a name that is %s', (_what, name) => {
    read(POISON);
    const text = `{"x":{"a":1,"${name}":2}}`;
    expect(read(text)).toEqual({ x: { a: 1, [readJson(`"${name}"`)]: 2 } });
    expect(read(text.replaceAll(':', ' \t\r\n: '))).toEqual({ x: { a: 1, [readJson(`"${name}"`)]: 2 } });
  });

  test('reads any text as an independent reader does, and its canonical form too', () => {
    fc.assert(
      fc.property(escapedJsonText, fc.integer({ min: 0, max: 3 }), ({ text, repeats }, spare) => {
        if (spare === 0) poisonNativeParser();
        if (repeats) return;
        const expected = readJson(text) as JsonValue;
        const canonical = canonicalText(expected);
        expect(canonicalText(read(text))).toBe(canonical);
        expect(read(canonical)).toEqual(readJson(canonical));
        expect(Buffer.from(quick.read(Buffer.from(text), 'text').bytes).toString()).toBe(canonical);
      }),
      { numRuns: 1500 },
    );
  });
});

test.each(readers.filter(([name]) => !name.startsWith('parseKnownJson')))(
  '%s refuses a member that is there twice, once in letters and once in escapes',
  (_name, read) => {
    read(POISON);
    expect(() => read('{"x":{"a":1,"\\u0061":2}}')).toThrow(
      expect.objectContaining({
        code: 'ERR_EXPORT_JSON_INVALID',
        message: expect.stringContaining('duplicate member "a" at /x/a'),
      }),
    );
  },
);

test.each(['b', '\\\\', '\\u0062'])('parseKnownJson takes what JSON.parse takes besides, beside a name %s', (name) => {
  const text = `{"${name}":-9007199254740993,"a":1,"x":"\\ud800","a":1e400,"y":{"c":[]}}`;
  expect(parseKnownJson(text)).toEqual({
    [readJson(`"${name}"`)]: -9007199254740992,
    a: Number.POSITIVE_INFINITY,
    x: '\ud800',
    y: { c: [] },
  });
  expect(Object.keys(parseKnownJson(text) as object)).toEqual([readJson(`"${name}"`), 'a', 'x', 'y']);
  expect(() => parseKnownJson(text.slice(0, -1))).toThrow();
});
