import { expect, test } from 'vitest';
import { createProgressLine, describeProgress } from '../../src/cli/progress.ts';
import { fakeIo } from './fake-io.ts';

test('describeProgress: says how much, how fast and how long it will take', () => {
  const line = describeProgress({ stage: 'send', done: 5 * 1024 ** 2, total: 15 * 1024 ** 2, unit: 'bytes' }, 5);
  expect(line).toBe('sending 5.0 MiB of 15.0 MiB, 1.0 MiB/s, 10 s left');
});

test('describeProgress: where the end is not known it promises none', () => {
  expect(describeProgress({ stage: 'read', done: 4000, unit: 'records' }, 2)).toBe(
    'reading 4,000 records, 2,000 records/s',
  );
});

test('progress line: drawn on a terminal once a stage takes time, and cleared', () => {
  const io = fakeIo({ terminal: true });
  let now = 0;
  const line = createProgressLine(io, false, () => now);
  line.listen({ stage: 'read', done: 1, unit: 'records' });
  expect(io.err()).toBe('');
  now = 1000;
  line.listen({ stage: 'read', done: 500, unit: 'records' });
  expect(io.err()).toBe('\r\x1b[Kreading 500 records, 500 records/s');
  line.clear();
  expect(io.err().endsWith('\r\x1b[K')).toBe(true);
});

test.each([
  ['no terminal', { terminal: false }, false],
  ['--quiet', { terminal: true }, true],
])('progress line: nothing is drawn with %s', (_, world, quiet) => {
  const io = fakeIo(world);
  let now = 0;
  const line = createProgressLine(io, quiet, () => now);
  line.listen({ stage: 'read', done: 1, unit: 'records' });
  now = 5000;
  line.listen({ stage: 'read', done: 2, unit: 'records' });
  line.clear();
  expect(io.err()).toBe('');
});
