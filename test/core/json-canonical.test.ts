import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CanonicalReader, canonicalText, encodeCanonical, type JsonValue, parseJson } from '#core';
import { jsonText } from './json-texts.ts';
import { readJson } from './read-json.ts';

const reader = new CanonicalReader();

function quickly(text: string): string {
  return Buffer.from(reader.read(Buffer.from(text), 'text').bytes).toString('utf8');
}

/** Examples of RFC 8785 and of the test data that it names. */
const vectors: [string, string, string][] = [
  [
    'primitive types (RFC 8785 §3.2.2)',
    `{
  "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
  "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/",
  "literals": [null, true, false]
}`,
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  ],
  [
    'order of members (RFC 8785 §3.2.3)',
    `{
  "\\u20ac": "Euro Sign",
  "\\r": "Carriage Return",
  "\\ufb33": "Hebrew Letter Dalet With Dagesh",
  "1": "One",
  "\\ud83d\\ude00": "Emoji: Grinning Face",
  "\\u0080": "Control",
  "\\u00f6": "Latin Small Letter O With Diaeresis"
}`,
    '{"\\r":"Carriage Return","1":"One","\u0080":"Control","ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign",' +
      '"😀":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
  ],
  [
    'arrays',
    '[\n  56,\n  {\n    "d": true,\n    "10": null,\n    "1": [ ]\n  }\n]',
    '[56,{"1":[],"10":null,"d":true}]',
  ],
  [
    'structures',
    '{"1": {"f": {"f": "hi","F": 5} ,"\\n": 56.0}, "10": { }, "": "empty", "a": { }, "111": [ {"e": "yes","E": "no" } ], "A": { }}',
    '{"":"empty","1":{"\\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{"E":"no","e":"yes"}],"A":{},"a":{}}',
  ],
  ['no normalisation', '{"Unnormalized Unicode":"A\\u030a"}', '{"Unnormalized Unicode":"A\u030a"}'],
  ['a slash and DEL', '"\\/\\u007f"', '"/\u007f"'],
  ['a name before the longer one', '{"ab":1,"a":2,"a ":3,"a!":4,"":5}', '{"":5,"a":2,"a ":3,"a!":4,"ab":1}'],
  ['names that look like indexes', '{"2":1,"10":2,"b":3,"1":4}', '{"1":4,"10":2,"2":1,"b":3}'],
  ['__proto__', '{"b":1,"__proto__":{"z":1,"a":2}}', '{"__proto__":{"a":2,"z":1},"b":1}'],
];

describe('canonical JSON', () => {
  test.each(vectors)('%s', (_what, text, expected) => {
    expect(canonicalText(parseJson(Buffer.from(text), 'text'))).toBe(expected);
    expect(quickly(text)).toBe(expected);
  });

  test.each([
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['ffefffffffffffff', '-1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['c340000000000000', '-9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['44b52d02c7e14af7', '1.0000000000000001e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'],
    ['444b1ae4d6e2ef4f', '999999999999999900000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555553', '333333333.3333332'],
    ['41b3de4355555554', '333333333.33333325'],
    ['41b3de4355555555', '333333333.3333333'],
    ['41b3de4355555556', '333333333.3333334'],
    ['41b3de4355555557', '333333333.33333343'],
    ['becbf647612f3696', '-0.0000033333333333333333'],
    ['43143ff3c1cb0959', '1424953923781206.2'],
  ])('the double %s is %s (RFC 8785, appendix B)', (hex, expected) => {
    expect(canonicalText(Buffer.from(hex, 'hex').readDoubleBE(0))).toBe(expected);
  });

  test.each<[string, unknown]>([
    ['NaN', Number.NaN],
    ['an infinity', Number.POSITIVE_INFINITY],
    ['undefined', undefined],
    ['undefined in an object', { a: undefined }],
    ['undefined in an array', [undefined]],
    ['a function', () => 0],
    ['a bigint', 1n],
    ['half a surrogate pair', '\ud800'],
    ['half a surrogate pair in a name', { '\udc00': 1 }],
    ['half a surrogate pair beside a name that cannot be sorted in place', { '1': '\ud800' }],
  ])('refuses %s', (_what, value) => {
    expect(() => canonicalText(value as JsonValue)).toThrow(TypeError);
  });

  test('is a fixed point, keeps the value, and depends on nothing but the value', () => {
    fc.assert(
      fc.property(jsonText, ({ text, repeats }) => {
        fc.pre(!repeats);
        const value = parseJson(Buffer.from(text), 'text');
        const canonical = canonicalText(value);
        expect(canonicalText(readJson(canonical))).toBe(canonical);
        // Negative zero is the one value that JSON text has and RFC 8785 has not.
        expect(readJson(canonical)).toEqual(readJson(text, (_key, member) => (Object.is(member, -0) ? 0 : member)));
        expect(Buffer.from(encodeCanonical(value)).toString('utf8')).toBe(canonical);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('CanonicalReader', () => {
  test('gives the same bytes as encodeCanonical(parseJson(…)) for any text', () => {
    fc.assert(
      fc.property(jsonText, ({ text, repeats }) => {
        fc.pre(!repeats);
        expect(quickly(text)).toBe(canonicalText(parseJson(Buffer.from(text), 'text')));
      }),
      { numRuns: 5000 },
    );
  });

  test('sorts objects of many members, large members and deep nests', () => {
    const names = fc.uniqueArray(fc.string({ unit: fc.constantFrom('a', 'b', 'c', '-', '_', 'Z'), maxLength: 6 }), {
      maxLength: 90,
    });
    fc.assert(
      fc.property(names, fc.constantFrom(0, 1, 100, 300), (keys, size) => {
        const text = JSON.stringify(
          Object.fromEntries(keys.map((key) => [key, { z: 'x'.repeat(size), a: [{ y: 1, b: 2 }] }])),
        );
        expect(quickly(text)).toBe(canonicalText(readJson(text)));
      }),
      { numRuns: 300 },
    );
  });

  test('finds a member twice wherever it stands', () => {
    for (const members of [
      ['b', 'a', 'b'],
      ['a', 'a'],
      ['c', 'b', 'a', 'c'],
      ['ab', 'a', 'ab'],
    ]) {
      const text = `{${members.map((name) => `"${name}":0`).join(',')}}`;
      expect(() => quickly(text)).toThrow(expect.objectContaining({ code: 'ERR_EXPORT_JSON_INVALID' }));
    }
  });

  test('takes a long list of members without growing slow', () => {
    const members = Array.from({ length: 50_000 }, (_, n) => `"k${50_000 - n}":${n}`);
    const started = performance.now();
    expect(quickly(`{${members.join(',')}}`).length).toBeGreaterThan(500_000);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test('can be used again after a failure', () => {
    expect(() => quickly('{"a":')).toThrow();
    expect(() => quickly('{"a":{"b":1,"b":2}}')).toThrow();
    expect(quickly('{"b":1,"a":2}')).toBe('{"a":2,"b":1}');
  });
});
