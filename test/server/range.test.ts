import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseChunkRange, parseRange } from '../../src/server/range.ts';

const size = fc.nat({ max: 1_000_000 });

test('parseRange: a range is of bytes that there are, and those that were asked for', () => {
  fc.assert(
    fc.property(size, fc.nat(), fc.nat(), (whole, a, b) => {
      const wanted = Array.from({ length: Math.min(whole, 50) }, (_, i) => i).filter((i) => i >= a % 60 && i <= b % 60);
      const small = Math.min(whole, 50);
      const range = parseRange(`bytes=${a % 60}-${b % 60}`, small);
      if (wanted.length === 0) expect(range).toBe('unsatisfiable');
      else expect(range).toEqual({ start: wanted[0], end: wanted.at(-1) });
    }),
  );
});

test('parseRange: from a byte on, and the last bytes', () => {
  fc.assert(
    fc.property(size, fc.nat({ max: 2_000_000 }), (whole, n) => {
      const end = whole - 1;
      expect(parseRange(`bytes=${n}-`, whole)).toEqual(n < whole ? { start: n, end } : 'unsatisfiable');
      const last = n === 0 || whole === 0 ? 'unsatisfiable' : { start: Math.max(0, whole - n), end };
      expect(parseRange(`bytes=-${n}`, whole)).toEqual(last);
    }),
  );
});

test('parseRange: any text gives a range within the whole, or none', () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^bytes=[0-9, -]{0,40}$/));
  fc.assert(
    fc.property(text, size, (header, whole) => {
      const range = parseRange(header, whole);
      if (range === undefined || range === 'unsatisfiable') return;
      expect(range.start).toBeGreaterThanOrEqual(0);
      expect(range.end).toBeGreaterThanOrEqual(range.start);
      expect(range.end).toBeLessThan(whole);
      expect(Number.isSafeInteger(range.start) && Number.isSafeInteger(range.end)).toBe(true);
    }),
  );
});

test('parseChunkRange: what is written comes back, and nothing else is taken', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.nat(), (start, length, rest) => {
      const end = start + length;
      for (const header of [`${start}-${end}`, ` bytes ${start}-${end}/${end + rest}`, `bytes ${start}-${end}/*`])
        expect(parseChunkRange(header)).toEqual({ start, end });
      expect(parseChunkRange(`${end + 1}-${start}`)).toBe('malformed');
    }),
  );
  fc.assert(
    fc.property(fc.string(), (header) => {
      const range = parseChunkRange(header);
      if (range === undefined || range === 'malformed') return;
      expect(header).toMatch(/\d+-\d+/);
      expect(range.start).toBeLessThanOrEqual(range.end);
    }),
  );
});
