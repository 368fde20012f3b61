import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { type BboltFault, BboltFile, checkBbolt } from '#bbolt';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { describePeers, requirePeer, runPeer } from '../peers/peers.ts';
import { mutationsOf } from './mutations.ts';

/** Damage at which `bbolt check` 1.5.0 does not look, and why such a file passes there. */
const NOT_LOOKED_AT: readonly (readonly [RegExp, string])[] = [
  [/has an inline bucket/, 'inline buckets are passed over'],
  [/has a bucket whose value/, 'the size of the value of a bucket is not compared with its head'],
  [/has an element \d+ that/, 'elements are not compared with the size of their page'],
  [/has an element \d+ of flags/, 'only the lowest flag of an element counts'],
  [/has an empty key/, 'a key may have any size'],
  [/has a value outside all buckets/, 'values in the root are not looked for'],
  [/is an empty leaf/, 'a leaf without elements has no key that could be out of order'],
  [/is in the free list but lies outside/, 'numbers in the free list are not compared with the file'],
  [/is in use and in the free list/, 'only the first page of those in use is looked up in the free list'],
  [/reaches beyond the file/, 'overflow pages of the free list are not compared with the file'],
  [/has flags \d+ where a meta/, 'any kind of page passes for a meta'],
  [/name page sizes of/, 'the page size is taken from the first meta alone'],
];

/** The command counts such overflow pages one by one, in a map: it ends when memory does. */
const ENDLESS = /overflow \d+ → 4294967295$/;

describePeers(['bbolt', 'bbolt-ref'], 'a check of damaged files', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await makeTempDir();
  });

  /** Whether the command finds a file valid; it may panic, and print faults for ever where pages form a cycle. */
  async function theirVerdict(path: string): Promise<boolean> {
    const child = spawn(requirePeer('bbolt'), ['check', path], { stdio: ['ignore', 'pipe', 'ignore'] });
    const closed = once(child, 'close');
    let said = '';
    for await (const chunk of child.stdout) {
      said += String(chunk);
      if (!'OK\n'.startsWith(said)) child.kill('SIGKILL');
    }
    await closed;
    return said === 'OK\n' && child.exitCode === 0;
  }

  async function ours(path: string): Promise<readonly BboltFault[]> {
    return (await checkBbolt(path)).faults;
  }

  /** Reading may stop at the damage, but must stop. */
  async function readAll(path: string): Promise<void> {
    try {
      await using file = await BboltFile.open(path);
      for await (const _ of file.batches());
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_EXPORT_(CONTENT_MISMATCH|TOO_LARGE)$/) });
    }
  }

  async function compare(file: Buffer, label: string, reasons: Set<string>, every: number): Promise<number> {
    const path = join(folder, 'damaged.db');
    let refused = 0;
    for (const [i, { name, apply }] of [...mutationsOf(file)].entries()) {
      if (i % every > 0) continue;
      const copy = Buffer.from(file);
      apply(copy);
      await writeFile(path, copy);
      const faults = await ours(path);
      const theirs = !ENDLESS.test(name) && (await theirVerdict(path));
      const what = `${label}, ${name}: ${JSON.stringify(faults.slice(0, 3))}`;
      if (faults.length === 0) {
        expect(theirs || /^meta \d: overflow/.test(name), `refused by them alone: ${what}`).toBe(true);
      } else if (theirs) {
        const reason = NOT_LOOKED_AT.find(([pattern]) => faults.some(({ problem }) => pattern.test(problem)));
        expect(reason, `refused by us alone: ${what}`).toBeDefined();
        reasons.add(String(reason?.[0]));
      } else refused++;
      await readAll(path);
    }
    return refused;
  }

  it('agrees with bbolt on every field of files of bbolt, but for what bbolt does not look at', async () => {
    const reasons = new Set<string>();
    for (const [size, every] of [
      [4096, 1],
      [1024, 13],
    ] as const) {
      const path = join(folder, `theirs-${size}.db`);
      expect((await runPeer('bbolt-ref', ['make', path, String(size)])).code).toBe(0);
      const file = await readFile(path);
      expect(await ours(path)).toEqual([]);
      expect(await compare(file, `pages of ${size} bytes`, reasons, every)).toBeGreaterThan(200);
    }
    expect(NOT_LOOKED_AT.filter(([pattern]) => !reasons.has(String(pattern)))).toEqual([]);
  }, 1_200_000);
});
