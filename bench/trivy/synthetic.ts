import { createHash } from 'node:crypto';
import type { BboltEntry } from '#bbolt';

/** Bytes of an advisory and of a vulnerability, by and large those of an official database. */
const [ADVISORY, VULNERABILITY] = [150, 1500];
/** Advisories of a package, and packages of a bucket. */
const [ADVISORIES, PACKAGES] = [4, 8000];
/** Advisories for each vulnerability. */
const SHARE = 8;
const BATCH = 1000;

/** Text that looks like JSON to whoever compresses it, from which all values are cut. */
const TEXT = Buffer.from(
  Array.from({ length: 2000 }, (_, i) => createHash('sha256').update(String(i)).digest('base64url')).join('","'),
);

const padded = (number: number): string => String(number).padStart(8, '0');
const idOf = (number: number): Buffer => Buffer.from(`CVE-${padded(number)}`);
const textOf = (seed: number, size: number): Buffer => {
  const length = (size >> 1) + ((seed * 7919) % size);
  const start = (seed * 104_729) % (TEXT.byteLength - length);
  return TEXT.subarray(start, start + length);
};

/** Entries of a database of so many bytes: buckets of packages with advisories, then vulnerabilities. */
export function* syntheticDatabase(mebibytes: number): Generator<readonly BboltEntry[]> {
  const bytes = SHARE * (ADVISORY + 80) + VULNERABILITY + 40;
  const vulnerabilities = Math.round((mebibytes * 2 ** 20) / bytes);
  yield* batched(advisories(vulnerabilities * SHARE, (root) => `eco::${padded(root)}`));
  yield* batched(details(vulnerabilities));
}

function* advisories(count: number, nameOf: (root: number) => string): Generator<BboltEntry> {
  for (let root = 0, at = 0; at < count; root++) {
    const rootName = Buffer.from(nameOf(root));
    for (let i = 0; i < PACKAGES && at < count; i++) {
      const bucket = [rootName, Buffer.from(`package-${padded(i)}`)];
      for (let j = 0; j < ADVISORIES && at < count; j++, at++) {
        const key = idOf(Math.floor(at / SHARE) * 10 + j);
        yield { bucket, key, value: textOf(at, ADVISORY) };
      }
    }
  }
}

function* details(count: number, nameOf: (number: number) => Buffer = idOf): Generator<BboltEntry> {
  const bucket = [Buffer.from('vulnerability')];
  for (let i = 0; i < count; i++) yield { bucket, key: nameOf(10 * i), value: textOf(i, VULNERABILITY) };
}

/** Own advisories: some of packages that the database has, under ids that it has or lacks, and of packages it lacks. */
export function* ownAdvisories(count: number): Generator<readonly BboltEntry[]> {
  const roots = ['eco::00000000', 'eco::00000001', 'eco::own'].map((name) => Buffer.from(name));
  const each = Math.ceil(count / roots.length / 2);
  const entries = roots.flatMap((root) =>
    Array.from({ length: each }, (_, i) => {
      const bucket = [root, Buffer.from(`package-${padded(2 * i)}`)];
      return [
        { bucket, key: idOf(10 * i), value: textOf(i, ADVISORY) },
        { bucket, key: Buffer.from(`OWN-${padded(i)}`), value: textOf(i + 1, ADVISORY) },
      ];
    }),
  );
  yield* batched(entries.flat());
  yield* batched(details(each, (number) => Buffer.from(`OWN-${padded(number)}`)));
}

function* batched(entries: Iterable<BboltEntry>): Generator<readonly BboltEntry[]> {
  let batch: BboltEntry[] = [];
  for (const entry of entries) {
    batch.push(entry);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  yield batch;
}
