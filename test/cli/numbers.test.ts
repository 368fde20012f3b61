import { expect, test } from 'vitest';
import { formatBytes, formatCount, formatDuration, plural } from '../../src/cli/numbers.ts';

test('formatBytes: units of 1024, one decimal below a hundred', () => {
  expect([0, 512, 1024, 1536, 150 * 1024, 3 * 1024 ** 3].map(formatBytes)).toEqual([
    '0 B',
    '512 B',
    '1.0 KiB',
    '1.5 KiB',
    '150 KiB',
    '3.0 GiB',
  ]);
});

test('formatCount: thousands stand apart whatever the locale', () => {
  expect([0, 999, 1000, 201608, 1234567].map(formatCount)).toEqual(['0', '999', '1,000', '201,608', '1,234,567']);
});

test('formatDuration: rounds up, so that it never promises too much', () => {
  expect([0.2, 59, 60, 3599, 7500].map(formatDuration)).toEqual([
    '1 s',
    '59 s',
    '1 min 0 s',
    '59 min 59 s',
    '2 h 5 min',
  ]);
});

test('plural: one is not many', () => {
  expect([plural(1, 'record'), plural(0, 'record'), plural(4291, 'record')]).toEqual([
    '1 record',
    '0 records',
    '4,291 records',
  ]);
});
