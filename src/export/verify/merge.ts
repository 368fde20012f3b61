import { compareText } from '#core';
import type { Merge, MergedBucket } from '../export-manifest.generated.ts';
import { faultOfLosses } from './losses.ts';

/**
 * Holds what export.json says of a merge against itself: each bucket once and in order, every key of the base with one
 * fate, and the lists of conflicts against the counts.
 *
 * @returns what is wrong; undefined where nothing is
 */
export function faultOfMerge({ buckets, conflicts }: Merge): string | undefined {
  const misplaced = buckets.find(({ name }, i) => i > 0 && compareText(buckets[i - 1]?.name ?? '', name) >= 0);
  if (misplaced !== undefined) return `lists the bucket ${JSON.stringify(misplaced.name)} twice or out of order`;
  const wrong = buckets.find((bucket) => bucket.base !== fatesOf(bucket));
  if (wrong !== undefined) {
    return `counts ${wrong.base} keys of the base in ${JSON.stringify(wrong.name)}, and ${fatesOf(wrong)} of them elsewhere`;
  }
  for (const reason of ['removed', 'replaced'] as const) {
    const counted = buckets.reduce((sum, bucket) => sum + bucket[reason], 0);
    const listed = conflicts.find((conflict) => conflict.reason === reason)?.parts ?? 0;
    if (counted !== listed) return `counts ${counted} keys as ${reason}, and lists ${listed}`;
  }
  return faultOfLosses(conflicts, {});
}

function fatesOf({ kept, replaced, united, removed, leftOut }: MergedBucket): number {
  return Object.values(leftOut).reduce((sum, { keys }) => sum + keys, kept + replaced + united + removed);
}
