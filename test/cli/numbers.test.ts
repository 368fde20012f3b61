import { expect, test } from 'vitest';
import { formatBytes, formatCount, formatDuration, parseSize, plural } from '../../src/cli/numbers.ts';

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

test('parseSize: units of 1000 and of 1024, and bytes', () => {
  expect(['1', '4294967295', '4GB', '4 GB', '700MiB', '1.5kB', '25GB', '2TiB', '4B'].map(parseSize)).toEqual([
    1, 4_294_967_295, 4_000_000_000, 4_000_000_000, 734_003_200, 1500, 25_000_000_000, 2_199_023_255_552, 4,
  ]);
  for (const text of ['', '0', '-1', '4PB', 'GB', '4.7', '4 G B', '1e9', '0x10', '9999999999TB', '4ib']) {
    expect(() => parseSize(text), text).toThrow(expect.objectContaining({ code: 'ERR_EXPORT_USAGE' }));
  }
});
