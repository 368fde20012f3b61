import * as fc from 'fast-check';
import type { BboltEntry } from '#bbolt';

/** A database as a value: a name leads to bytes or to a bucket. The same shape as bbolt's, in memory. */
export type Content = ReadonlyMap<string, Uint8Array | Content>;

/** What writeBbolt wants for this content, in order; the names are Latin-1 strings of their bytes. */
export function* entriesOf(content: Content, path: readonly Uint8Array[] = []): Generator<BboltEntry> {
  if (content.size === 0 && path.length > 0) yield { bucket: path };
  for (const name of [...content.keys()].sort()) {
    const value = content.get(name) as Uint8Array | Content;
    const bytes = Buffer.from(name, 'latin1');
    if (value instanceof Uint8Array) yield { bucket: path, key: bytes, value };
    else yield* entriesOf(value, [...path, bytes]);
  }
}

/** Entries as plain text, so that two lists can be compared and shown. */
export function textOf(entry: BboltEntry): string {
  const names = [...entry.bucket, ...(entry.key === undefined ? [] : [entry.key])];
  const path = names.map((name) => Buffer.from(name).toString('hex')).join('/');
  return entry.value === undefined ? `${path} {}` : `${path}=${Buffer.from(entry.value).toString('hex')}`;
}

const name = fc.oneof(
  { weight: 6, arbitrary: fc.string({ minLength: 1, maxLength: 12 }) },
  { weight: 3, arbitrary: fc.string({ minLength: 1, maxLength: 6, unit: 'grapheme' }) },
  { weight: 1, arbitrary: fc.integer({ min: 2000, max: 32_768 }).map((size) => 'k'.repeat(size)) },
);

const key = name.map((text) => Buffer.from(text, 'utf8').subarray(0, 32_768).toString('latin1'));

const value = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  { weight: 2, arbitrary: fc.integer({ min: 900, max: 5000 }).map((size) => new Uint8Array(size).fill(0x76)) },
  { weight: 1, arbitrary: fc.integer({ min: 65_000, max: 200_000 }).map((size) => new Uint8Array(size).fill(0x56)) },
);

const leafBucket = fc.array(fc.tuple(key, value), { maxLength: 60 }).map((pairs): Content => new Map(pairs));

const bucket = fc
  .array(fc.tuple(key, fc.oneof({ weight: 2, arbitrary: value }, { weight: 3, arbitrary: leafBucket })), {
    maxLength: 40,
  })
  .map((pairs): Content => new Map(pairs));

/** Databases of up to three levels: empty ones, empty buckets, inline and paged ones, long keys, overflow values. */
export const content: fc.Arbitrary<Content> = fc
  .array(fc.tuple(key, bucket), { maxLength: 8 })
  .map((pairs) => new Map(pairs));
