// One step of the benchmark of databases, in a process of its own. Run by databases.ts.
import { mkdir, rm } from 'node:fs/promises';
import { type BboltEntry, BboltFile, checkBbolt, writeBbolt } from '#bbolt';
import { mergeTrivyDbs } from '../../src/artifacts/trivy-merge.ts';
import { ownAdvisories, syntheticDatabase } from './synthetic.ts';

const [step, ...args] = process.argv.slice(2) as [string, ...string[]];
const [first = '', second = '', third = ''] = args;

const steps: Readonly<Record<string, () => Promise<void>>> = {
  write: async () => void (await writeBbolt(first, syntheticDatabase(Number(second)))),
  own: async () => void (await writeBbolt(first, ownAdvisories(Number(second)))),
  check: async () => {
    const { faults } = await checkBbolt(first);
    if (faults.length > 0) throw new Error(JSON.stringify(faults.slice(0, 5)));
  },
  read: async () => {
    await using file = await BboltFile.open(first);
    for await (const _ of file.batches());
  },
  count: async () => {
    await using file = await BboltFile.open(first);
    const { buckets, values } = await file.count([]);
    console.log(`${buckets} buckets, ${values} values`);
  },
  merge: async () => {
    await using base = await BboltFile.open(first);
    await using own = await BboltFile.open(second);
    const folder = `${third}.work`;
    await mkdir(folder);
    await writeBbolt(third, mergeTrivyDbs(base, own, { workDir: folder }).entries);
    await rm(folder, { recursive: true });
  },
  same: async () => {
    await using a = await BboltFile.open(first);
    await using b = await BboltFile.open(second);
    const [x, y] = [a.entries(), b.entries()];
    for (;;) {
      const [left, right] = [await x.next(), await y.next()];
      if (left.done === true && right.done === true) return;
      const [l, r] = [left.value, right.value] as [BboltEntry | undefined, BboltEntry | undefined];
      if (l === undefined || r === undefined || compare(l, r) !== 0 || !equal(l.value, r.value))
        throw new Error('not the same');
    }
  },
};

await (steps[step] as () => Promise<void>)();

function compare(a: BboltEntry, b: BboltEntry): number {
  for (let i = 0; i < a.bucket.length && i < b.bucket.length; i++) {
    if (a.bucket[i] === b.bucket[i]) continue;
    const order = Buffer.compare(a.bucket[i] as Uint8Array, b.bucket[i] as Uint8Array);
    if (order !== 0) return order;
  }
  if (a.bucket.length !== b.bucket.length) throw new Error('a value beside buckets');
  return Buffer.compare(a.key as Uint8Array, b.key as Uint8Array);
}

function equal(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && Buffer.compare(a, b) === 0;
}
