import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addSeconds, compareInstants, instantFrom, instantOf, parseDuration, parseInstant } from '#core';

test.each([
  ['2026-08-22T10:11:12Z', '2026-08-22T10:11:12Z'],
  ['2026-08-22t10:11:12z', '2026-08-22T10:11:12Z'],
  ['2026-08-22T10:11:12.500Z', '2026-08-22T10:11:12.5Z'],
  ['2026-08-22T10:11:12.000000Z', '2026-08-22T10:11:12Z'],
  ['2026-08-22T10:11:12.123456789123Z', '2026-08-22T10:11:12.123456789Z'],
  ['2026-08-22T01:30:00+02:00', '2026-08-21T23:30:00Z'],
  ['2026-08-22T23:30:00-01:15', '2026-08-23T00:45:00Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z'],
  ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00Z'],
])('instantFrom: %s is %s', (text, instant) => {
  expect(instantFrom(text)).toBe(instant);
});

test.each([
  '',
  '2026-08-22',
  '2026-08-22T10:11:12',
  '2026-02-29T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-08-22T24:00:00Z',
  '2026-08-22T10:60:00Z',
  '22 Aug 2026',
  '2026-08-22T10:11:12.Z',
])('parseInstant: refuses %j', (text) => {
  expect(instantFrom(text)).toBeUndefined();
  expect(() => parseInstant(text)).toThrowError(expect.objectContaining({ code: 'ERR_EXPORT_USAGE' }));
});

test('compareInstants: a fraction is later than its whole second and earlier than the next', () => {
  const order = ['2026-01-01T00:00:00Z', '2026-01-01T00:00:00.05Z', '2026-01-01T00:00:00.5Z', '2026-01-01T00:00:01Z'];
  const shuffled = [2, 0, 3, 1].map((i) => parseInstant(order[i] as string));
  expect(shuffled.sort(compareInstants)).toEqual(order);
});

test('instantFrom: agrees with the machine on every date', () => {
  const years = { min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true };
  fc.assert(
    fc.property(fc.date(years), (date) => {
      expect(instantFrom(date.toISOString().replace(/\.\d+Z/, 'Z'))).toBe(instantOf(date));
    }),
  );
});

test('addSeconds: crosses days and keeps the fraction', () => {
  expect(addSeconds(parseInstant('2026-12-31T23:59:59.25Z'), 86_400)).toBe('2027-01-01T23:59:59.25Z');
});

test('parseDuration: units are seconds, minutes, hours, days', () => {
  expect(['90s', '30m', '24h', '7d'].map(parseDuration)).toEqual([90, 1800, 86_400, 604_800]);
});

test.each(['', '0h', '24', 'h', '1.5h', '-1h', '1w', '1h30m'])('parseDuration: refuses %j', (text) => {
  expect(() => parseDuration(text)).toThrowError(expect.objectContaining({ code: 'ERR_EXPORT_USAGE' }));
});
