import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Progress } from '#export';
import { cut, describeProgress, drawProgress, terminalOf } from '../../src/cli/progress/bar.ts';
import { RateMeter } from '../../src/cli/progress/rate.ts';
import { createProgressLine } from '../../src/cli/progress.ts';
import { fakeIo } from './fake-io.ts';

const MIB = 1024 ** 2;
const sending = { stage: 'send', done: 5 * MIB, total: 15 * MIB, unit: 'bytes' } as const;
const plain = (columns: number) => ({ columns, lines: false, color: false });

/** What a terminal shows after all that was written to it; a line that would wrap is an error. */
function screenOf(written: string, columns: number): string[] {
  const rows: string[][] = [[]];
  let at = 0;
  for (let i = 0; i < written.length; i++) {
    const row = rows.at(-1) ?? [];
    const letter = written[i] as string;
    if (letter === '\r') at = 0;
    else if (letter === '\n') {
      rows.push([]);
      at = 0;
    } else if (letter === '\u001b') {
      while (!/[A-Za-z]/.test(written[i] as string)) i++;
      if (written[i] === 'K') row.length = at;
    } else row[at++] = letter;
    if (row.length >= columns) throw new Error(`wraps: ${row.join('')}`);
  }
  return rows.map((row) => row.join(''));
}

test('in a log: how much, how fast and how long it will take', () => {
  expect(describeProgress(sending, MIB)).toBe('sending 5.0 MiB of 15.0 MiB, 1.0 MiB/s, 10 s left');
});

test('in a log: where the end is not known it promises none', () => {
  expect(describeProgress({ stage: 'read', done: 4000, unit: 'records' }, 2000)).toBe(
    'reading 4,000 records, 2,000 records/s',
  );
});

test.each([
  [140, 'sending ##########....................  33 %  5.0 MiB of 15.0 MiB, 1.0 MiB/s, 10 s left, 3 under way'],
  [83, 'sending ###.......  33 %  5.0 MiB of 15.0 MiB, 1.0 MiB/s, 10 s left, 3 under way'],
  [80, 'sending ###.......  33 %  5.0 MiB of 15.0 MiB, 1.0 MiB/s, 10 s left'],
  [50, 'sending ###.......  33 %  5.0 MiB of 15.0 MiB'],
  [30, 'sending ###.......  33 %'],
  [20, 'sending  33 %'],
  [6, 'sendi'],
])('a bar on %i columns', (columns, line) => {
  expect(drawProgress({ ...sending, underWay: 3 }, MIB, plain(columns))).toBe(line);
});

test.each([
  [0, '━━━━━━━━━━', 0],
  [50, '━━━━━━━━━━', 5],
  [55, '━━━━━━━━━━', 5.5],
  [100, '━━━━━━━━━━', 10],
])('lines and colour at %i %%', (done, _, full) => {
  const bar = `${'━'.repeat(Math.floor(full))}${full % 1 === 0 ? '' : '╸'}`;
  const rest = '─'.repeat(10 - bar.length);
  const progress: Progress = { stage: 'check', done, total: 100, unit: 'records' };
  const colored = drawProgress(progress, undefined, { columns: 80, lines: true, color: true });
  expect(colored).toContain(bar === '' ? ` ${rest} ` : ` \x1b[36m${bar}\x1b[39m${rest} `);
  const bare = drawProgress(progress, undefined, { columns: 80, lines: true, color: false });
  expect(bare).toBe(stripVTControlCharacters(colored));
});

test('never wider than the terminal, whatever it shows', () => {
  const count = fc.oneof(fc.nat(), fc.maxSafeNat());
  const progress = fc.record(
    {
      stage: fc.constantFrom('read', 'pack', 'send', 'check', 'fetch'),
      done: count,
      total: fc.option(count, { nil: undefined }),
      unit: fc.constantFrom('bytes', 'records'),
      underWay: fc.nat(10_000),
    },
    { requiredKeys: ['stage', 'done', 'unit'] },
  );
  const rate = fc.option(fc.double({ min: 0.001, max: 1e15, noNaN: true }), { nil: undefined });
  const terminal = fc.record({ columns: fc.integer({ min: 1, max: 300 }), lines: fc.boolean(), color: fc.boolean() });
  fc.assert(
    fc.property(progress, rate, terminal, (shown, speed, on) => {
      const line = stripVTControlCharacters(drawProgress(shown as Progress, speed, on));
      expect(line.length).toBeLessThan(on.columns);
      expect(line).not.toMatch(/\n|NaN|Infinity|undefined/);
    }),
  );
});

test('cut: letters that take two columns count as two', () => {
  expect([cut('abc', 5), cut('abcdef', 5), cut('日本語', 5)]).toEqual(['abc', 'abcde', '日本']);
});

test('terminalOf: NO_COLOR and the locale decide', () => {
  expect(terminalOf(80, { LANG: 'en_US.UTF-8' })).toEqual({ columns: 80, lines: true, color: true });
  expect(terminalOf(80, { LANG: 'en_US.UTF-8', NO_COLOR: '1' })).toMatchObject({ lines: true, color: false });
  expect(terminalOf(80, { LANG: 'en_US.UTF-8', LC_ALL: 'C' })).toMatchObject({ lines: false });
  expect(terminalOf(80, { LANG: 'ja_JP.utf8', NO_COLOR: '' })).toMatchObject({ lines: false, color: true });
  expect(terminalOf(80, {})).toMatchObject({ lines: false });
});

test('the rate is that of the last seconds, and none where nothing moves', () => {
  const meter = new RateMeter();
  expect(meter.rate(0, 0)).toBeUndefined();
  for (let at = 0; at <= 20_000; at += 100) meter.note(at < 10_000 ? at * 9 : 90_000 + (at - 10_000), at);
  expect(meter.rate(100_000, 20_000)).toBeCloseTo(1000, -1);
  for (let at = 20_000; at <= 40_000; at += 100) meter.note(100_000, at);
  expect(meter.rate(100_000, 40_000)).toBeUndefined();
});

test('on a terminal: one line, drawn over itself once a stage takes time, and gone in the end', () => {
  const io = fakeIo({ terminal: true, columns: 80 });
  let now = 0;
  const line = createProgressLine(io, false, () => now);
  for (; now <= 4000; now += 10) line.listen({ ...sending, done: Math.round((now / 4000) * 15 * MIB) });
  const drawn = io.err().split('\r').slice(1);
  expect(drawn).toHaveLength(36);
  expect(drawn[0]).toBe(
    'sending #.........  12 %  1.9 MiB of 15.0 MiB, 3.8 MiB/s, 4 s left\x1b[K'.replace('#', '\x1b[36m#\x1b[39m'),
  );
  // What is there is written over, and never taken away first.
  for (const text of drawn) expect([text.slice(0, 8), text.slice(-3)]).toEqual(['sending ', '\u001b[K']);
  expect(screenOf(io.err(), 80)).toEqual([
    expect.stringMatching(/^sending #+ 100 % {2}15\.0 MiB of 15\.0 MiB, 3\.8 MiB\/s$/),
  ]);
  line.clear();
  expect(screenOf(io.err(), 80)).toEqual(['']);
  const { length } = io.err();
  line.clear();
  expect(io.err()).toHaveLength(length);
});

test('on a terminal that is made narrower: the next line fits', () => {
  const io = fakeIo({ terminal: true, columns: 120 });
  let now = 0;
  const line = createProgressLine(io, false, () => now);
  line.listen({ ...sending, done: 0 });
  now = 1000;
  line.listen(sending);
  Object.assign(io.stderr, { columns: 30 });
  now = 2000;
  line.listen({ ...sending, done: 10 * MIB });
  expect(stripVTControlCharacters(io.err()).split('\r').at(-1)).toBe('sending ######....  66 %');
});

test('on a terminal: waiting for a registry takes one line too, and what it says is not obeyed', () => {
  const io = fakeIo({ terminal: true, columns: 60 });
  const line = createProgressLine(io, false);
  line.wait({ host: 'registry.example', waitMs: 4000, reason: `429 \u001b[2J${'slowly '.repeat(30)}` });
  expect(screenOf(io.err(), 60)).toEqual([
    expect.stringMatching(/^waiting 4 s for registry\.example: 429 \\u001b\[2J/),
  ]);
  line.clear();
  expect(screenOf(io.err(), 60)).toEqual(['']);
});

test('in a log: a plain line every half minute, and none before', () => {
  const io = fakeIo();
  let now = 0;
  const line = createProgressLine(io, false, () => now);
  for (; now <= 61_000; now += 100) line.listen({ ...sending, done: now * 100 });
  line.clear();
  const lines = io.err().split('\n').slice(0, -1);
  expect(lines).toHaveLength(2);
  for (const text of lines) expect(text).toMatch(/^sending [\d.]+ MiB of 15\.0 MiB, 97\.7 KiB\/s, .* left$/);
});

test('--quiet: nothing at all', () => {
  const io = fakeIo({ terminal: true });
  let now = 0;
  const line = createProgressLine(io, true, () => now);
  line.listen(sending);
  now = 5000;
  line.listen(sending);
  line.wait({ host: 'a', waitMs: 5000, reason: 'b' });
  line.clear();
  expect(io.err()).toBe('');
});
