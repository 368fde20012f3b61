/**
 * Numbers of the bbolt file format; docs/formats/bbolt.md has them as byte tables. All integers are little-endian.
 * The writer and the reader share these and nothing else, so that one can find the other's mistakes.
 */

/** Size of a page in bytes in the files that we write. */
export const PAGE_SIZE = 4096;

/** Sizes of a page in bytes that the reader takes: powers of two in these bounds. bbolt uses the system's page size. */
export const pageSizes = { smallest: 1024, largest: 65_536 } as const;

/** First four bytes of a meta after its page header. */
export const MAGIC = 0xed0cdaed;

/** Version of the file format. */
export const VERSION = 2;

/** Size in bytes of a page header, a leaf or branch element, and the head of a bucket's value. */
export const HEADER_SIZE = 16;

/** Kinds of page; exactly one is set in a page's flags. */
export const PAGE_FLAG = { branch: 0x01, leaf: 0x02, meta: 0x04, freelist: 0x10 } as const;

/** Set in a leaf element's flags where the value is a bucket. */
export const BUCKET_FLAG = 0x01;

/** Offsets in a page header. */
export const PAGE = { id: 0, flags: 8, count: 10, overflow: 12 } as const;

/** Offsets in a leaf element; `position` counts from the element's own start. */
export const LEAF = { flags: 0, position: 4, keySize: 8, valueSize: 12 } as const;

/** Offsets in a branch element; `position` counts from the element's own start. */
export const BRANCH = { position: 0, keySize: 4, child: 8 } as const;

/** Offsets in a meta page, from the page's start. */
export const META = {
  magic: 16,
  version: 20,
  pageSize: 24,
  flags: 28,
  root: 32,
  sequence: 40,
  freelist: 48,
  highWater: 56,
  transaction: 64,
  checksum: 72,
  end: 80,
} as const;

/** What a key, a value and a page can hold at most. */
export const bboltLimits = {
  keyBytes: 32_768,
  valueBytes: 2 ** 31 - 2,
  elementsPerPage: 0xfffe,
  /** A bucket whose only leaf takes at most this, page header included, is written inside its parent's value. */
  inlineBytes: PAGE_SIZE / 4,
} as const;

const FNV_BASIS = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;

/** Checksum of a meta page: FNV-1a, 64 bits, over what stands between the page header and the checksum. */
export function metaChecksum(page: Uint8Array): bigint {
  let hash = FNV_BASIS;
  for (const byte of page.subarray(META.magic, META.checksum)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * FNV_PRIME);
  }
  return hash;
}
