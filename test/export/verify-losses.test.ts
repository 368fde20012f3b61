import { describe, expect, test } from 'vitest';
import { LossDigest, type LossEntry, maxListed } from '#artifacts';
import type { Loss } from '../../src/export/export-manifest.generated.ts';
import { faultOfLosses } from '../../src/export/verify/losses.ts';

const entry = (record: string, parts = 1, pointer = ''): LossEntry => ({ record, parts, pointer });

/** A loss as a builder would report it. */
function loss(scope: Loss['scope'], entries: readonly LossEntry[], reason = 'reason'): Loss {
  const digest = new LossDigest();
  for (const each of entries) digest.add(each);
  const parts = entries.reduce((sum, each) => sum + each.parts, 0);
  const listed = entries.slice(0, maxListed);
  return { reason, scope, records: entries.length, parts, digest: digest.finish(), listed };
}

const whole = loss('record', [entry('a'), entry('b')]);
const parts = loss('part', [entry('a', 2, '/affected/0'), entry('b', 1, '/affected/3')]);
const cut = loss(
  'part',
  Array.from({ length: maxListed + 1 }, (_, i) => entry(`A-${String(i).padStart(6, '0')}`)),
);

test('accepts what follows from itself', () => {
  expect(faultOfLosses([whole], { reason: 2 })).toBeUndefined();
  // A clause of the selector of the same name left out one more.
  expect(faultOfLosses([whole], { reason: 3 })).toBeUndefined();
  expect(faultOfLosses([parts], {})).toBeUndefined();
  expect(faultOfLosses([cut], {})).toBeUndefined();
  expect(
    faultOfLosses(
      [
        { ...parts, reason: 'a' },
        { ...cut, reason: 'b' },
      ],
      {},
    ),
  ).toBeUndefined();
});

describe('refuses', () => {
  test.each<[string, readonly Loss[], string]>([
    ['a reason twice', [parts, parts], 'twice or out of order'],
    [
      'reasons out of order',
      [
        { ...parts, reason: 'b' },
        { ...cut, reason: 'a' },
      ],
      'twice or out of order',
    ],
    ['a record twice', [loss('part', [entry('a'), entry('a')])], '"a" twice or out of order'],
    ['records out of order', [loss('part', [entry('b'), entry('a')])], '"a" twice or out of order'],
    ['more records than are left out', [loss('record', [entry('a'), entry('b'), entry('c')])], '2 are left out'],
    ['parts of whole records', [loss('record', [entry('a', 2)])], 'left out whole'],
    ['a list that is cut before the limit', [{ ...parts, records: 3 }], 'counts 3 records, and lists 2'],
    ['a list longer than the count', [{ ...parts, records: 1 }], 'counts 1 records, and lists 2'],
    ['another sum', [{ ...parts, parts: 4 }], 'counts 4 parts, and lists 3'],
    ['no parts', [loss('part', [entry('a', 0)])], 'fewer parts than records'],
    ['fewer parts than records that are not listed', [{ ...cut, parts: maxListed }], 'fewer parts than records'],
    ['another digest', [{ ...parts, digest: whole.digest }], 'does not match'],
    ['another pointer', [{ ...parts, listed: [entry('a', 2, '/affected/1'), entry('b', 1, '/affected/3')] }], 'digest'],
  ])('%s', (_, losses, message) => {
    expect(faultOfLosses(losses, { reason: 2 })).toContain(message);
  });
});
