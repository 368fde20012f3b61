import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type BboltCheck, type BboltEntry, BboltFile, checkBbolt, checkOwnBbolt, writeBbolt } from '#bbolt';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { checkedBbolt } from './checked.ts';
import { sealMeta } from './resize.ts';

const PAGE = 4096;
const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');

let folder: string;
let valid: Buffer;
beforeAll(async () => {
  folder = await makeTempDir();
  const path = join(folder, 'valid.db');
  await writeBbolt(path, [entries()]);
  valid = await readFile(path);
});

/**
 * Page 3 on: the leaves of bucket `big` (200 keys of 100 bytes), its branch, then the root leaf, in which the bucket
 * `small` stands inline.
 */
function entries(): BboltEntry[] {
  const big = Array.from({ length: 200 }, (_, i) => ({
    bucket: [bytes('big')],
    key: bytes(`key-${String(i).padStart(3, '0')}`),
    value: new Uint8Array(100).fill(i),
  }));
  return [...big, ...['a', 'b'].map((key) => ({ bucket: [bytes('small')], key: bytes(key), value: bytes(key) }))];
}

const lastPage = (file: Buffer): number => file.byteLength / PAGE - 1;

async function checked(change: (file: Buffer) => void): Promise<BboltCheck> {
  const path = join(folder, 'damaged.db');
  const copy = Buffer.from(valid);
  change(copy);
  await writeFile(path, copy);
  return await checkBbolt(path);
}

describe('checkBbolt', () => {
  it('counts what a valid file holds', async () => {
    expect(await checkBbolt(join(folder, 'valid.db'))).toEqual({
      faults: [],
      isStopped: false,
      pages: valid.byteLength / PAGE,
      freePages: 0,
      buckets: 2,
      values: 202,
    });
  });

  it('does with one valid meta', async () => {
    expect((await checked((file) => file.fill(0, 16, PAGE))).faults).toEqual([]);
    expect((await checked((file) => file.writeUInt8(file.readUInt8(PAGE + 64) ^ 1, PAGE + 64))).faults).toEqual([]);
  });

  it.each<[string, (file: Buffer) => void, RegExp]>([
    ['two invalid metas', (file) => file.fill(0xff, 16, 40).fill(0xff, PAGE + 16, PAGE + 40), /neither meta/],
    ['a page that calls itself another', (file) => file.writeUInt8(9, 3 * PAGE), /page 3 has the id 9/],
    ['a page of no known kind', (file) => file.writeUInt16LE(3, 3 * PAGE + 8), /page 3 has flags 3/],
    ['a count beyond the page', (file) => file.writeUInt16LE(60_000, 3 * PAGE + 10), /page 3 has 60000 elements/],
    ['a count too small', (file) => file.writeUInt16LE(0, 3 * PAGE + 10), /page 3 is an empty leaf/],
    ['overflow beyond the file', (file) => file.writeUInt32LE(50, 3 * PAGE + 12), /page 3 reaches beyond the file/],
    ['overflow into the next page', (file) => file.writeUInt32LE(1, 3 * PAGE + 12), /page 4 is in use twice/],
    [
      'an element beyond its page',
      (file) => file.writeUInt32LE(5000, 3 * PAGE + 16 + 12),
      /page 3 has an element 0 that reaches beyond it/,
    ],
    [
      'an element of unknown flags',
      (file) => file.writeUInt32LE(2, 3 * PAGE + 16),
      /page 3 has an element 0 of flags 2/,
    ],
    [
      'a lone value called a bucket',
      (file) => file.writeUInt32LE(1, 3 * PAGE + 16),
      /page 3 has an inline bucket that/,
    ],
    ['keys out of order in a leaf', (file) => file.write('zzz-000', file.indexOf('key-005')), /page 3 has keys out of/],
    [
      'a key below its parent',
      (file) => file.write('jey-000', file.indexOf('key-000')),
      /page 3 has a key that belongs to a page before it/,
    ],
    ['a key of the next page', (file) => raiseLastKey(file), /page 3 has a key that belongs to a page after it/],
    [
      'keys out of order in a branch',
      (file) => file.write('a', secondBranchKey(file)),
      /page \d+ has keys out of order/,
    ],
    [
      'keys out of order inline',
      (file) => file.write('c', file.lastIndexOf('aa')),
      /has an inline bucket that has keys out of order/,
    ],
    ['a child outside the file', (file) => file.writeUInt8(200, branchAt(file) + 16 + 8), /page 200 is referenced/],
    ['a child twice', (file) => file.writeUInt8(3, branchAt(file) + 32 + 8), /page 3 is in use twice/],
    ['a page that nothing names', orphan, /page \d+ is neither in use nor free/],
    ['a free page in use', (file) => free(file, 3), /page 3 is in use and in the free list/],
    ['a free page twice', (file) => free(file, 3, 3), /page 3 is in the free list twice/],
    ['a free page outside the file', (file) => free(file, 100), /page 100 is in the free list but lies outside/],
    ['a branch that names itself', (file) => file.writeUInt8(lastPage(file) - 1, branchAt(file) + 24), /in use twice/],
    ['an empty key', (file) => file.writeUInt32LE(0, lastPage(file) * PAGE + 16 + 8), /empty key/],
  ])('refuses %s', async (_, change, message) => {
    expect((await checked(change)).faults.map(({ page, problem }) => `page ${page} ${problem}`)).toContainEqual(
      expect.stringMatching(message),
    );
    await expect(checkOwnBbolt(join(folder, 'damaged.db'))).rejects.toMatchObject({
      code: 'ERR_EXPORT_CONTENT_MISMATCH',
    });
  });

  it('refuses a file cut short, and one too short to have metas', async () => {
    const path = join(folder, 'short.db');
    for (const size of [valid.byteLength - 1, valid.byteLength - PAGE, 3 * PAGE, 2 * PAGE, 100, 0]) {
      await writeFile(path, valid);
      await truncate(path, size);
      const { faults } = await checkBbolt(path);
      expect(faults).toHaveLength(1);
      expect(faults[0]).toMatchObject({ page: undefined, problem: expect.stringMatching(/shorter|too few|metas?/) });
    }
  });

  it.each<[string, (file: Buffer) => void, RegExp]>([
    ['a meta of another transaction', (file) => file.fill(0, 0, PAGE), /page 0 is not in canonical form/],
    ['a byte in unused space', (file) => file.writeUInt8(1, lastPage(file) * PAGE + PAGE - 1), /not in canonical form/],
    ['keys out of order', (file) => file.write('zzz-000', file.indexOf('key-005')), /keys out of order/],
    ['a key twice', (file) => file.write('key-004', file.indexOf('key-005')), /keys out of order/],
    ['a page twice', (file) => file.writeUInt8(3, branchAt(file) + 32 + 8), /page 3 is in use twice/],
    ['a page that nothing names', orphan, /bytes after its last page|not in canonical form/],
  ])('takes no file for one of ours with %s', async (_, change, message) => {
    const path = join(folder, 'other.db');
    await writeFile(path, valid);
    await checkOwnBbolt(path);
    const copy = Buffer.from(valid);
    change(copy);
    await writeFile(path, copy);
    await expect(checkOwnBbolt(path)).rejects.toMatchObject({ code: 'ERR_EXPORT_CONTENT_MISMATCH' });
    await expect(checkOwnBbolt(path)).rejects.toThrow(message);
  });

  it('never lets a reader run away or crash on one damaged byte', async () => {
    const path = join(folder, 'byte.db');
    for (let at = 2 * PAGE; at < valid.byteLength; at += 41) {
      const copy = Buffer.from(valid);
      copy[at] = (copy[at] ?? 0) ^ 0x55;
      await writeFile(path, copy);
      const file = await BboltFile.open(path);
      try {
        const count = (await Array.fromAsync(file.entries())).length;
        expect(count).toBeLessThan(10_000);
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_EXPORT_CONTENT_MISMATCH' });
      } finally {
        await file.close();
      }
    }
  });

  it('refuses elements that share their bytes, of which a page could hold more than can be visited', async () => {
    const path = join(folder, 'shared.db');
    const copy = Buffer.from(valid);
    // 2 to the power of 40 buckets, in less than a page.
    const nested = nest(40);
    nested.copy(copy.fill(0, lastPage(copy) * PAGE + 8), lastPage(copy) * PAGE + 8, 8);
    await writeFile(path, copy);
    await expect(checkedBbolt(path)).rejects.toThrow(/an element 1 that begins within what comes before it/);
    const file = await BboltFile.open(path);
    await expect(Array.fromAsync(file.entries())).rejects.toThrow(/begins within/);
    await file.close();
  });

  it('lists all faults up to a limit', async () => {
    const path = join(folder, 'many.db');
    const copy = Buffer.from(valid);
    for (const id of [3, 4, 5]) copy.writeUInt16LE(7, id * PAGE + 8);
    await writeFile(path, copy);
    const { faults, isStopped } = await checkBbolt(path);
    expect(faults.filter(({ problem }) => problem.includes('flags 7')).map(({ page }) => page)).toEqual([3, 4, 5]);
    expect(isStopped).toBe(false);
    expect(await checkBbolt(path, { maxFaults: 2 })).toMatchObject({ isStopped: true, faults: faults.slice(0, 2) });
    expect(await checkBbolt(path, { maxFaults: faults.length })).toMatchObject({ isStopped: false, faults });
  });

  it('takes pages that are in no tree for free where the free list is not stored', async () => {
    const found = await checked((file) => {
      orphan(file);
      file.writeBigUInt64LE(2n ** 64n - 1n, PAGE + 48);
      sealMeta(file.subarray(PAGE));
    });
    expect(found).toMatchObject({ faults: [], freePages: 2 });
  });

  it('stops when it is told to', async () => {
    const stop = new AbortController();
    const running = checkBbolt(join(folder, 'valid.db'), { signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
    await expect(checkOwnBbolt(join(folder, 'valid.db'), stop.signal)).rejects.toThrow('enough');
  });

  it('names a file that is not there', async () => {
    await expect(checkBbolt(join(folder, 'none.db'))).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });
  });
});

/** A leaf with two elements, `a` and `aa`, that have one value: a bucket that holds such a leaf, and so on. */
function nest(levels: number): Buffer {
  if (levels === 0) return leafOf([{ flags: 0, key: 16, keySize: 1, valueSize: 1 }], Buffer.from('kv'));
  const value = Buffer.concat([Buffer.alloc(16), nest(levels - 1)]);
  const elements = [
    { flags: 1, key: 33, keySize: 1, valueSize: value.byteLength },
    { flags: 1, key: 16, keySize: 2, valueSize: value.byteLength },
  ];
  return leafOf(elements, Buffer.concat([Buffer.from('aa'), value]));
}

interface RawElement {
  readonly flags: number;
  /** Where the key begins, counted from the element. */
  readonly key: number;
  readonly keySize: number;
  readonly valueSize: number;
}

function leafOf(elements: readonly RawElement[], data: Buffer): Buffer {
  const page = Buffer.alloc(16 * (1 + elements.length));
  page.writeUInt16LE(2, 8);
  page.writeUInt16LE(elements.length, 10);
  for (const [i, { flags, key, keySize, valueSize }] of elements.entries()) {
    for (const [j, value] of [flags, key, keySize, valueSize].entries())
      page.writeUInt32LE(value, 16 * (i + 1) + 4 * j);
  }
  return Buffer.concat([page, data]);
}

const branchAt = (file: Buffer): number => (lastPage(file) - 1) * PAGE;
const secondBranchKey = (file: Buffer): number => file.indexOf('key', file.indexOf('key', branchAt(file)) + 1);

/** Makes the last key of the first leaf greater than the first key of the second. */
function raiseLastKey(file: Buffer): void {
  const count = file.readUInt16LE(3 * PAGE + 10);
  file.write('kez', file.indexOf(`key-${String(count - 1).padStart(3, '0')}`));
}

/** Takes the last child from the branch. */
function orphan(file: Buffer): void {
  file.writeUInt16LE(file.readUInt16LE(branchAt(file) + 10) - 1, branchAt(file) + 10);
}

function free(file: Buffer, ...pages: number[]): void {
  file.writeUInt16LE(pages.length, 2 * PAGE + 10);
  for (const [i, page] of pages.entries()) file.writeUInt32LE(page, 2 * PAGE + 16 + 8 * i);
}
