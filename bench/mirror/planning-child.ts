// Plans one delta and prints what it took as JSON. Run by planning.ts in a process of its own. Linux only.
import { readFileSync, writeFileSync } from 'node:fs';
import { compareAscii, type Digest, digestOf, parseKnownJson } from '#core';
import { type BaseContext, deltaOf, listBase, readDigestList } from '../../src/mirror/delta.ts';
import type { RepositoryState } from '../../src/mirror/snapshot.ts';

const count = Number(process.argv[2]);
/** Of every hundred. */
const NEW = 2;

/** A list needs nothing of it. */
const CONTEXT = {} as BaseContext;

const repository = (name: string, blobs: RepositoryState['blobs']): RepositoryState => {
  return { name, tags: [], manifests: [], blobs: [...blobs], referrers: [] };
};

// Sorted, as those of a snapshot are, and parsed, so that no text is still in pieces.
const blobs = parseKnownJson(
  JSON.stringify(
    Array.from({ length: count }, (_, i) => ({ digest: digestOf(Buffer.from(`blob ${i}`)), sizeBytes: i })).sort(
      (a, b) => compareAscii(a.digest, b.digest),
    ),
  ),
) as unknown as RepositoryState['blobs'];
const known = blobs.filter((_, i) => i % 100 >= NEW);
const gone = Array.from({ length: count - known.length }, (_, i) => digestOf(Buffer.from(`gone ${i}`)));
const list = Buffer.from(
  [...known.map(({ digest }) => digest), ...gone].map((digest: Digest) => `${digest}\n`).join(''),
);
const mirrored = [repository('apps/many', blobs)];
const own = repository('mirrors/many', []);

async function* chunks() {
  for (let start = 0; start < list.byteLength; start += 65_536) yield list.subarray(start, start + 65_536);
}

async function plan(): Promise<number> {
  const base = await listBase(await readDigestList(chunks(), 'list'), 'list').resolve(CONTEXT);
  return deltaOf(mirrored, own, [base]).carried.length;
}

globalThis.gc?.();
// Resets the kernel's record of the peak (proc_pid_clear_refs(5)).
writeFileSync('/proc/self/clear_refs', '5');
const idle = residentMiB('VmRSS');
const firstMs = await timed();
const peakMiB = residentMiB('VmHWM') - idle;
const nextMs = [await timed(), await timed(), await timed(), await timed()].at(-1);
console.log(JSON.stringify({ firstMs, nextMs, peakMiB }));

async function timed(): Promise<number> {
  const begun = performance.now();
  const carried = await plan();
  if (carried !== Math.ceil((count * NEW) / 100)) throw new Error(`planned ${carried} digests`);
  return performance.now() - begun;
}

function residentMiB(field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
}
