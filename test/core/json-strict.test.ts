import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CanonicalReader, parseJson, parseJsonObject } from '#core';
import { jsonText } from './json-texts.ts';
import { readJson } from './read-json.ts';

const quick = new CanonicalReader();
/** Both readers promise the same refusals. */
const readers: [string, typeof parseJson, zero: number][] = [
  ['parseJson', parseJson, -0],
  // Canonical JSON has no negative zero.
  ['CanonicalReader', (bytes, name, limits) => quick.read(bytes, name, limits).value, 0],
];

function faultOf(read: () => unknown): unknown {
  try {
    return { value: read() };
  } catch (error) {
    return error;
  }
}

describe.each(readers)('%s', (_name, read, zero) => {
  test('agrees with JSON.parse on every valid text and refuses exactly those with a member twice', () => {
    fc.assert(
      fc.property(jsonText, ({ text, repeats }) => {
        const found = faultOf(() => read(Buffer.from(text), 'text'));
        if (repeats) expect(found).toMatchObject({ code: 'ERR_EXPORT_JSON_INVALID' });
        else
          expect(found).toEqual({ value: readJson(text, (_key, member) => (Object.is(member, -0) ? zero : member)) });
      }),
      { numRuns: 3000 },
    );
  });

  test('refuses whatever JSON.parse refuses', () => {
    const broken = fc
      .tuple(
        jsonText,
        fc.nat(),
        fc.nat(2),
        fc.constantFrom('"', '\\', ',', '}', ']', ':', '0', '-', '\u0000', 'e', '\u00a0'),
      )
      .map(([{ text }, at, drop, insert]) => {
        const from = at % (text.length + 1);
        return text.slice(0, from) + insert + text.slice(from + drop);
      })
      .filter((text) => text.isWellFormed() && !('value' in (faultOf(() => readJson(text)) as object)));
    fc.assert(
      fc.property(broken, (text) => {
        expect(faultOf(() => read(Buffer.from(text), 'text'))).toMatchObject({ code: 'ERR_EXPORT_JSON_INVALID' });
      }),
      { numRuns: 2000 },
    );
  });

  test.each<[string, string | Uint8Array, string]>([
    ['a member twice', '{"a":{"b":1,"c":[0,{"d":1,"d":2}]}}', '/a/c/1/d'],
    ['a member twice in other spellings', '{"x":{"a":1,"\\u0061":2}}', '/x/a'],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}', '/__proto__'],
    ['a member with a slash twice', '{"a/b~c":1,"a/b~c":1}', '/a~1b~0c'],
    ['half a surrogate pair', '{"a":["\\ud800"]}', '/a/0'],
    ['the wrong half first', '{"a":"\\udc00\\ud800"}', '/a'],
    ['half a surrogate pair in a name', '{"\\ud800":1}', ''],
    ['an integer beyond 2^53 - 1', '{"a":9007199254740992}', '/a'],
    ['a negative integer beyond it', '[-9007199254740993]', '/0'],
    ['a number beyond a double', '{"a":1e400}', '/a'],
    ['an unterminated string', '{"a":"x', '/a'],
    ['a control character', '{"a":"\u0001"}', '/a'],
    ['a bad escape', '["\\x"]', '/0'],
    ['a comma too many', '[1,]', '/1'],
    ['a comment', '{"a":1/*x*/}', ''],
    ['single quotes', "{'a':1}", ''],
    ['NaN', '[NaN]', '/0'],
    ['a leading zero', '[01]', ''],
    ['a plus', '[+1]', '/0'],
    ['two values', '1 2', ''],
    ['nothing', '', ''],
    ['white space only', ' \n', ''],
    ['a form feed for white space', '\f1', ''],
    ['invalid UTF-8', Buffer.from([0x22, 0xff, 0x22]), ''],
    ['an overlong sequence', Buffer.from([0x22, 0xc0, 0xaf, 0x22]), ''],
    ['a surrogate in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), ''],
    ['a byte order mark', Buffer.from([0xef, 0xbb, 0xbf, 0x31]), ''],
    ['UTF-16', Buffer.from('1', 'utf16le'), ''],
  ])('refuses %s and points at it', (_what, text, pointer) => {
    const found = faultOf(() => read(Buffer.from(text), 'the text'));
    expect(found).toMatchObject({
      code: 'ERR_EXPORT_JSON_INVALID',
      message: expect.stringContaining('the text'),
      hint: expect.any(String),
      details: { name: 'the text', pointer },
    });
  });

  test.each<[string, string]>([
    ['a pair of surrogates, escaped', '"\\ud83d\\ude00"'],
    ['the largest integers', '[9007199254740991,-9007199254740991]'],
    ['a large number that is written with an exponent', '1e300'],
    ['a large number with a fraction', '9007199254740992.5'],
    ['__proto__', '{"__proto__":{"a":1}}'],
    ['constructor and toString', '{"constructor":1,"toString":2}'],
    ['the same name in different objects', '{"a":{"a":{"a":1}},"b":{"a":1}}'],
    ['colons and braces in strings', '{"a:b":"{\\"c\\":1}"}'],
    ['a string that ends in a backslash', '{"a":"\\\\","b":"\\\\\\""}'],
  ])('takes %s', (_what, text) => {
    const value = read(Buffer.from(text), 'text');
    expect(JSON.stringify(value)).toBe(JSON.stringify(readJson(text)));
  });

  test('keeps to its limits', () => {
    const nested = (depth: number) => Buffer.from('['.repeat(depth) + ']'.repeat(depth));
    expect(read(nested(128), 'text')).toEqual(readJson('['.repeat(128) + ']'.repeat(128)));
    expect(() => read(nested(129), 'text')).toThrow(/nested deeper than 128/);
    expect(() => read(nested(100_000), 'text')).toThrow(expect.objectContaining({ code: 'ERR_EXPORT_JSON_INVALID' }));
    expect(() => read(Buffer.from('{"a":{"b":1}}'), 'text', { maxDepth: 1 })).toThrow(/at \/a /);
    expect(read(Buffer.from('12345'), 'text', { maxBytes: 5 })).toBe(12345);
    expect(() => read(Buffer.from('123456'), 'text', { maxBytes: 5 })).toThrow(/6 bytes/);
    expect(() => read(Buffer.alloc(16 * 1024 * 1024 + 1, 0x20), 'text')).toThrow(
      expect.objectContaining({ code: 'ERR_EXPORT_JSON_INVALID' }),
    );
  });
});

describe('parseJsonObject', () => {
  test('gives an object and refuses everything else', () => {
    expect(parseJsonObject(Buffer.from('{"a":1}'), 'text')).toEqual({ a: 1 });
    for (const text of ['[]', 'null', '1', '"x"', 'true']) {
      expect(() => parseJsonObject(Buffer.from(text), 'text')).toThrow(
        expect.objectContaining({ code: 'ERR_EXPORT_JSON_INVALID', details: { name: 'text', pointer: '' } }),
      );
    }
  });
});
