import { performance } from 'node:perf_hooks';
import { expect, test } from 'vitest';
import { networkOf } from '../../src/server/access/client-address.ts';
import { parseCredentials } from '../../src/server/access/credentials.ts';
import { parseChunkRange, parseRange } from '../../src/server/range.ts';

const SMALL = 2_000;
const FACTOR = 16;

/** The fastest of some runs, in milliseconds. */
function timeOf(parse: (text: string) => unknown, text: string): number {
  const runs = Array.from({ length: 7 }, () => {
    const start = performance.now();
    for (let i = 0; i < 20; i++) parse(text);
    return performance.now() - start;
  });
  return Math.min(...runs);
}

const range = (text: string) => parseRange(text, 1000);

test.each<[string, (text: string) => unknown, (n: number) => string]>([
  ['Range: spaces around the ends', range, (n) => `bytes=${' '.repeat(n)}-${' '.repeat(n)}x`],
  [
    'Range: spaces and digits',
    range,
    (n) => `bytes=${' '.repeat(n)}${'1'.repeat(n)}-${'1'.repeat(n)} ${' '.repeat(n)}x`,
  ],
  ['Range: dashes', range, (n) => `bytes=${'-'.repeat(n)}`],
  ['Range: many ranges', range, (n) => `bytes=${'0-1,'.repeat(n)}`],
  ['Content-Range: spaces', parseChunkRange, (n) => `bytes${' '.repeat(n)}1-2${' '.repeat(n)}x`],
  ['Content-Range: digits', parseChunkRange, (n) => '1'.repeat(n)],
  ['Authorization: spaces', parseCredentials, (n) => `Basic ${' '.repeat(n)}!`],
  ['Authorization: base64 and padding', parseCredentials, (n) => `Basic ${'A'.repeat(n)}${'='.repeat(n)} !`],
  ['an address: percent signs', networkOf, (n) => '%'.repeat(n)],
])('%s: sixteen times the text takes at most as many times as long', (_name, parse, text) => {
  timeOf(parse, text(SMALL));
  // What is too short to be timed counts as a hundredth of a millisecond.
  const small = Math.max(timeOf(parse, text(SMALL)), 0.01);
  const large = timeOf(parse, text(SMALL * FACTOR));
  // Linear is 16, quadratic 256, cubic 4096.
  expect(large / small).toBeLessThan(FACTOR * 5);
});
