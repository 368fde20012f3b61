import type { BboltEntry } from '#bbolt';
import { compareBytes } from '#core';
import type { AdvisoryKey } from './drops.ts';
import { notMergeable } from './failures.ts';

/**
 * The order in which writeBbolt takes entries: an entry without a key, which stands for its bucket, comes before what
 * is in the bucket.
 *
 * @throws CodedError ERR_EXPORT_CONTENT_MISMATCH where one has a bucket by the name that is a key of the other
 */
export function compareEntries(a: BboltEntry, b: BboltEntry): number {
  if (a.bucket !== b.bucket) {
    const depth = Math.min(a.bucket.length, b.bucket.length);
    for (let i = 0; i < depth; i++) {
      const [nameA, nameB] = [a.bucket[i] as Uint8Array, b.bucket[i] as Uint8Array];
      const order = nameA === nameB ? 0 : compareBytes(nameA, nameB);
      if (order !== 0) return order;
    }
    if (a.bucket.length < b.bucket.length) return compareToBucket(a, b.bucket[depth] as Uint8Array);
    if (a.bucket.length > b.bucket.length) return -compareToBucket(b, a.bucket[depth] as Uint8Array);
  }
  if (a.key === undefined || b.key === undefined) return Number(a.key !== undefined) - Number(b.key !== undefined);
  const order = compareBytes(a.key, b.key);
  if (order === 0 && a.wholeOf !== b.wholeOf) throw notMergeable(KEY_AND_BUCKET);
  return order;
}

const KEY_AND_BUCKET = 'it has a key where the other database has a bucket';

/** The order of an entry against a bucket that stands beside its key. */
function compareToBucket({ key }: BboltEntry, bucket: Uint8Array): number {
  if (key === undefined) return -1;
  const order = compareBytes(key, bucket);
  if (order === 0) throw notMergeable(KEY_AND_BUCKET);
  return order;
}

/** The order of advisories in a root bucket, or in several that Trivy reads as one. */
export function compareAdvisories(a: AdvisoryKey, b: AdvisoryKey): number {
  return compareBytes(a.package, b.package) || compareBytes(a.id, b.id);
}
