import type { Descriptor } from '#core';
import type { Page, ReferrerPage } from './registry-store.ts';

/** The most referrers that are read for one page, so that its cost is bounded with a filter too. */
const PAGE_ENTRIES = 1000;
/** The approximate size of a page in bytes: clients accept an index of at most 4 MiB. */
const PAGE_SIZE_BYTES = 3 * 1024 * 1024;

/** The first `limit` items of an ordered list; reads at most one item more. */
export async function pageOf<T>(list: AsyncIterable<T> | Iterable<T>, limit: number): Promise<Page<T>> {
  const items: T[] = [];
  if (limit === 0) return { items, more: false };
  for await (const item of list) {
    if (items.length === limit) return { items, more: true };
    items.push(item);
  }
  return { items, more: false };
}

/** One referrer of a subject. */
export interface ReferrerEntry {
  /** The hex digits of its digest; the sort key. */
  readonly key: string;
  /** The size of its descriptor as JSON. */
  readonly sizeBytes: number;
  /** Its descriptor; undefined if the manifest is missing. */
  readonly descriptor: () => Descriptor | undefined;
}

/** The next page of referrers, bounded in entries and in bytes. */
export async function pageOfReferrers(
  entries: AsyncIterable<ReferrerEntry> | Iterable<ReferrerEntry>,
  artifactType: string | undefined,
): Promise<ReferrerPage> {
  const items: Descriptor[] = [];
  let seen = 0;
  let sizeBytes = 0;
  let last: string | undefined;
  for await (const entry of entries) {
    if (last !== undefined && (seen === PAGE_ENTRIES || sizeBytes > PAGE_SIZE_BYTES)) return { items, next: last };
    last = entry.key;
    seen++;
    const descriptor = entry.descriptor();
    if (descriptor === undefined || (artifactType !== undefined && descriptor.artifactType !== artifactType)) continue;
    sizeBytes += entry.sizeBytes;
    items.push(descriptor);
  }
  return { items };
}
