import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CanonicalReader, parseKnownJson } from '#core';

const reader = new CanonicalReader();

function canonical(text: string): string {
  return Buffer.from(reader.read(Buffer.from(text), 'text', { keepNumbers: true }).bytes).toString('utf8');
}

/** Names that the quick way does not take: one is escaped, one is beyond ASCII. */
const names = ['"n"', '"\\u006e"', '"ñ"'];

describe('numbers that a double does not hold, where they are kept', () => {
  test.each([
    '12345678901234567890',
    '-9007199254740993',
    '9007199254740992',
    '1e400',
    '-1E+999',
    '9'.repeat(400),
    '123456789.5e400',
  ])('%s stands as it is spelt', (number) => {
    for (const name of names) {
      const text = canonical(`{"z": [ ${number} ], ${name} : ${number}, "a":{}}`);
      expect(text).toContain(`:${number}`);
      expect(text).toContain(`[${number}]`);
      expect(canonical(text)).toBe(text);
    }
  });

  test.each([
    ['1e20', '100000000000000000000'],
    ['1.0', '1'],
    ['-0', '0'],
    ['0.12345678901234567890', '0.12345678901234568'],
    ['1E2', '100'],
    ['9007199254740991', '9007199254740991'],
  ])('%s is spelt %s, as RFC 8785 has it, and so again', (number, spelt) => {
    for (const name of names) {
      const text = canonical(`{${name}:${number}}`);
      expect(text).toContain(`:${spelt}}`);
      expect(canonical(text)).toBe(text);
    }
  });

  test.each(['01', '1.', '.5', '+1', '1e', '--1', '0x10', '12345678901234567890.', '1e400e', 'Infinity'])(
    '%s is no number',
    (number) => {
      expect(() => canonical(`{"a":${number}}`)).toThrow(expect.objectContaining({ code: 'ERR_EXPORT_JSON_INVALID' }));
    },
  );

  test('are refused unless asked for', () => {
    for (const text of ['{"a":12345678901234567890}', '{"\\u0061":1e400}']) {
      expect(() => reader.read(Buffer.from(text), 'text')).toThrow(/beyond/);
    }
  });

  test('are rounded where a value is worked out, whatever the names beside them', () => {
    for (const name of names) {
      const { value } = reader.read(Buffer.from(`{${name}:12345678901234567890}`), 'text', { keepNumbers: true });
      expect(Object.values(value as object)).toEqual([12345678901234567000]);
    }
    expect(parseKnownJson('{"\\u0061":12345678901234567890}')).toEqual({ a: 12345678901234567000 });
  });

  test('of a million digits take no more than time in proportion', () => {
    const number = '7'.repeat(1_000_000);
    expect(canonical(`{"n":${number}}`).length).toBe(number.length + 6);
  });

  test('canonical form is a fixed point for any number', () => {
    const digits = fc.stringMatching(/^-?(?:0|[1-9][0-9]{0,40})(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,4})?$/);
    fc.assert(
      fc.property(digits, fc.constantFrom(...names), (number, name) => {
        const text = canonical(`{${name}:${number}}`);
        expect(canonical(text)).toBe(text);
        expect(Number(text.slice(text.indexOf(':') + 1, -1)) + 0).toBe(Number(number) + 0);
      }),
      { numRuns: 2000 },
    );
  });
});
