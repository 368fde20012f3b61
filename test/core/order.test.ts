import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareText } from '#core';

test('compareText: orders as the UTF-8 bytes do, whatever the text', () => {
  const text = fc.string({ unit: 'binary' });
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(Math.sign(compareText(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
    { numRuns: 2000 },
  );
});

test('compareText: a private-use character stands before an emoji, unlike in UTF-16 order', () => {
  const [low, high] = ['\uf8ff', '\u{1f600}'];
  expect(low < high).toBe(false);
  expect(compareText(low, high)).toBeLessThan(0);
});
