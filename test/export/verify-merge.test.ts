import { describe, expect, test } from 'vitest';
import { LossDigest, type LossEntry } from '#artifacts';
import type { Merge, MergedBucket } from '../../src/export/export-manifest.generated.ts';
import { faultOfMerge } from '../../src/export/verify/merge.ts';

const bucket = (name: string, more: Partial<MergedBucket> = {}): MergedBucket => ({
  name,
  base: 0,
  kept: 0,
  replaced: 0,
  united: 0,
  removed: 0,
  leftOut: {},
  added: 0,
  ...more,
});

function conflict(reason: string, ...entries: readonly LossEntry[]): Merge['conflicts'][number] {
  const digest = new LossDigest();
  for (const entry of entries) digest.add(entry);
  const parts = entries.reduce((sum, entry) => sum + entry.parts, 0);
  return { reason, scope: 'part', records: entries.length, parts, digest: digest.finish(), listed: [...entries] };
}

const valid: Merge = {
  baseBytes: 8192,
  mergedBytes: 4096,
  buckets: [
    bucket('alpine 3.20', { base: 9, kept: 3, replaced: 2, leftOut: { severity: { keys: 4, bytes: 80 } }, added: 1 }),
    bucket('vulnerability', { base: 5, kept: 1, united: 1, leftOut: { unreferenced: { keys: 3, bytes: 9 } } }),
  ],
  conflicts: [conflict('replaced', { record: 'CVE-1', parts: 2, pointer: '/alpine 3.20/openssl' })],
};

test('accepts an account in which every key has one fate', () => {
  expect(faultOfMerge(valid)).toBeUndefined();
});

describe('refuses', () => {
  test.each<[string, Merge, string]>([
    ['a bucket twice', { ...valid, buckets: [...valid.buckets, bucket('vulnerability')] }, 'twice or out of order'],
    ['buckets out of order', { ...valid, buckets: valid.buckets.toReversed() }, 'twice or out of order'],
    [
      'a key without a fate',
      { ...valid, buckets: valid.buckets.map((each) => ({ ...each, base: each.base + 1 })) },
      'counts 10 keys of the base in "alpine 3.20", and 9',
    ],
    ['a list that is not whole', { ...valid, conflicts: [] }, 'counts 2 keys as replaced, and lists 0'],
    [
      'a list that was changed',
      { ...valid, conflicts: valid.conflicts.map((each) => ({ ...each, digest: conflict('x').digest })) },
      'digest',
    ],
  ])('%s', (_, merge, fault) => {
    expect(faultOfMerge(merge)).toContain(fault);
  });
});
