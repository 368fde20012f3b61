import type { MergeSummary } from '#export';
import { formatBytes, formatCount, plural } from '../numbers.ts';

type Bucket = MergeSummary['buckets'][number];

/** What is said of a merge in the text of a result. */
export function describeMerge(merge: MergeSummary): string[] {
  const { digest, baseBytes, mergedBytes, buckets, conflicts } = merge;
  const total = (count: (bucket: Bucket) => number) => buckets.reduce((sum, bucket) => sum + count(bucket), 0);
  const leftOut = leftOutOf(buckets);
  const counts = [
    `${formatCount(total(({ kept }) => kept))} kept`,
    `${formatCount(total(({ replaced }) => replaced))} replaced`,
    `${formatCount(total(({ united }) => united))} united`,
    `${formatCount(total(({ removed }) => removed))} removed`,
    `${formatCount([...leftOut.values()].reduce((sum, { keys }) => sum + keys, 0))} left out`,
  ];
  const lines = [
    `base ${digest}, ${formatBytes(baseBytes)}, now ${formatBytes(mergedBytes)}`,
    `  ${plural(
      total(({ base }) => base),
      'key',
    )}: ${counts.join(', ')}; ${formatCount(total(({ added }) => added))} added`,
  ];
  for (const [reason, { keys, bytes }] of leftOut) {
    lines.push(`  left out ${WHY[reason] ?? reason}: ${plural(keys, 'key')}, ${formatBytes(bytes)}`);
  }
  for (const { reason, records, parts } of conflicts) {
    lines.push(`  ${reason}: ${plural(parts, 'advisory', 'advisories')} on ${plural(records, 'id')}`);
  }
  return [...lines, ...redHatWarning(buckets), ...notFoundWarnings(merge)];
}

/** Why keys of the base are left out, in words. */
const WHY: Readonly<Record<string, string>> = {
  age: 'by --modified-since and --modified-until',
  buildTime: 'as Trivy does not read them',
  ecosystem: 'by --ecosystem',
  package: 'by --package',
  severity: 'by --min-severity',
  unreferenced: 'as no advisory names them',
};

function leftOutOf(buckets: readonly Bucket[]): ReadonlyMap<string, { keys: number; bytes: number }> {
  const sums = new Map<string, { keys: number; bytes: number }>();
  for (const { leftOut } of buckets) {
    for (const [reason, { keys, bytes }] of Object.entries(leftOut)) {
      const sum = sums.get(reason) ?? { keys: 0, bytes: 0 };
      sums.set(reason, { keys: sum.keys + keys, bytes: sum.bytes + bytes });
    }
  }
  return new Map([...sums].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Trivy ends with an error there, and does not only find less. */
function redHatWarning(buckets: readonly Bucket[]): string[] {
  const isGone = buckets.some(
    ({ name, base, kept, added }) => name === 'Red Hat CPE' && base > 0 && kept + added === 0,
  );
  return isGone ? ['  warning: without the Red Hat buckets, scans of RHEL and CentOS images fail'] : [];
}

function notFoundWarnings({ ecosystemsNotFound }: MergeSummary): string[] {
  return ecosystemsNotFound.map((name) => `  warning: --ecosystem ${name}: neither database has a bucket of it`);
}
