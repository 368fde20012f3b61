import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { type BboltEntry, BboltFile, writeBbolt } from '#bbolt';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { describePeers, runPeer } from '../peers/peers.ts';
import { checkedBbolt } from './checked.ts';
import { content, entriesOf, textOf } from './entries.ts';
import { resized } from './resize.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');

const hex = (text: Uint8Array | undefined): string => Buffer.from(text ?? '').toString('hex');

/** Whether the command can be told the names: the key in hex, buckets as arguments. */
function canBeAsked({ bucket, key }: BboltEntry): boolean {
  const isArgument = (name: Uint8Array): boolean => {
    const text = Buffer.from(name).toString('utf8');
    return Buffer.from(text).equals(name) && !text.includes('\0') && !text.startsWith('-') && text.length < 5000;
  };
  return key !== undefined && key.byteLength < 5000 && bucket.every(isArgument);
}

describePeers(['bbolt', 'bbolt-ref'], 'the bbolt command', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await makeTempDir();
  });

  async function written(entries: Iterable<BboltEntry>, name = 'a.db'): Promise<string> {
    const path = join(folder, name);
    await rm(path, { force: true });
    await writeBbolt(path, [[...entries]]);
    return path;
  }

  async function bbolt(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await runPeer('bbolt', args);
    expect(code === 0 ? '' : stderr).toBe('');
    return stdout;
  }

  it('finds any content that we write valid, and each value where we put it', async () => {
    await fc.assert(
      fc.asyncProperty(content, async (tree) => {
        const entries = [...entriesOf(tree)];
        const path = await written(entries);
        expect(await bbolt('check', path)).toBe('OK\n');
        for (const { bucket, key, value } of entries.filter(canBeAsked).slice(0, 3)) {
          const names = [...bucket.map((name) => Buffer.from(name).toString('utf8')), hex(key)];
          const found = await bbolt('get', '--parse-format', 'hex', '--format', 'hex', path, ...names);
          expect(found.trim()).toBe(hex(value));
        }
      }),
      { numRuns: 15 },
    );
  });

  async function listed(path: string): Promise<string[]> {
    const { code, stdout, stderr } = await runPeer('bbolt-ref', ['list', path]);
    expect(code === 0 ? '' : stderr).toBe('');
    return stdout.split('\n').slice(0, -1);
  }

  async function read(path: string): Promise<string[]> {
    await using file = await BboltFile.open(path);
    return (await Array.fromAsync(file.entries())).map(textOf);
  }

  it('finds what we write, and compacts it to a file in which we find the same', async () => {
    await fc.assert(
      fc.asyncProperty(content, async (tree) => {
        const entries = [...entriesOf(tree)].map(textOf);
        const path = await written(entriesOf(tree));
        expect(await listed(path)).toEqual(entries);
        const compact = join(folder, 'compacted.db');
        await rm(compact, { force: true });
        await bbolt('compact', '-o', compact, path);
        await checkedBbolt(compact);
        expect(await read(compact)).toEqual(entries);
      }),
      { numRuns: 15 },
    );
  });

  it.each([
    ['1024', []],
    ['4096', []],
    ['4096', ['unsynced']],
    ['16384', []],
    ['65536', []],
  ])('writes files with pages of %s bytes %s that we read and find valid', async (pageSize, options) => {
    const path = join(folder, `pages-${pageSize}-${options}.db`);
    expect((await runPeer('bbolt-ref', ['make', path, pageSize, ...options])).code).toBe(0);
    const entries = await listed(path);
    expect(entries.length).toBeGreaterThan(300);
    expect(await read(path)).toEqual(entries);
    expect((await checkedBbolt(path)).freePages).toBeGreaterThan(2);
    // The older of the metas stands for what was there before.
    const file = await readFile(path);
    const newest = file.readBigUInt64LE(64) > file.readBigUInt64LE(Number(pageSize) + 64) ? 0 : Number(pageSize);
    await writeFile(path, file.fill(0, newest + 16, newest + 80));
    const before = await read(path);
    expect(before).not.toEqual(entries);
    expect(before).toEqual(await listed(path));
  });

  it.each([1024, 65_536])('finds our pages valid where they have %i bytes', async (pageSize) => {
    const entries = Array.from({ length: 500 }, (_, i) => ({
      bucket: [bytes('b'), bytes(`bucket-${1000 + i}`)],
      key: bytes('key'),
      value: new Uint8Array(i),
    }));
    const path = await written(entries);
    await writeFile(path, resized(await readFile(path), pageSize));
    expect(await bbolt('check', path)).toBe('OK\n');
    expect(await listed(path)).toEqual(entries.map(textOf));
    await checkedBbolt(path);
  });

  it.each<[string, BboltEntry[]]>([
    ['an empty database', []],
    ['an empty bucket', [{ bucket: [bytes('b')] }]],
    ['an empty bucket in a bucket', [{ bucket: [bytes('b'), bytes('c')] }]],
    ['an empty value', [{ bucket: [bytes('b')], key: bytes('k'), value: bytes('') }]],
    ['a value of many pages', [{ bucket: [bytes('b')], key: bytes('k'), value: new Uint8Array(3_000_000).fill(7) }]],
    ['the longest key', [{ bucket: [bytes('k'.repeat(32_768))], key: bytes('k'.repeat(32_768)), value: bytes('v') }]],
    [
      'branches of the longest keys',
      Array.from({ length: 30 }, (_, i) => {
        const key = bytes(`${'k'.repeat(32_764)}${1000 + i}`);
        return { bucket: [bytes('b')], key, value: bytes('v') };
      }),
    ],
  ])('finds %s valid', async (_, entries) => {
    expect(await bbolt('check', await written(entries))).toBe('OK\n');
  });

  it('reads thousands of buckets, inline and paged, with keys beyond ASCII', async () => {
    const names = Array.from({ length: 3000 }, (_, i) => `пакет-${String(i).padStart(5, '0')}`);
    const path = await written(
      names.flatMap((name, i) =>
        Array.from({ length: i % 40 === 0 ? 60 : 2 }, (_, j) => ({
          bucket: [bytes('eco::源'), bytes(name)],
          key: bytes(`id-${String(j).padStart(3, '0')}`),
          value: bytes(`${name} ${j}`),
        })),
      ),
    );
    expect(await bbolt('check', path)).toBe('OK\n');
    expect((await bbolt('keys', path, 'eco::源')).trim().split('\n')).toEqual(names);
    expect((await bbolt('keys', path, 'eco::源', 'пакет-00040')).trim().split('\n')).toHaveLength(60);
    expect((await bbolt('get', path, 'eco::源', 'пакет-02999', 'id-001')).trim()).toBe('пакет-02999 1');
  });

  it('refuses the damage that we refuse', async () => {
    const path = await written(
      Array.from({ length: 500 }, (_, i) => ({
        bucket: [bytes('b')],
        key: bytes(`key-${1000 + i}`),
        value: new Uint8Array(50),
      })),
    );
    const file = await readFile(path);
    file.write('zzz', file.indexOf('key-1005'));
    await writeFile(path, file);
    expect((await runPeer('bbolt', ['check', path])).code).not.toBe(0);
    await expect(checkedBbolt(path)).rejects.toThrow(/has keys out of order/);
  });

  it('writes databases that we read and find valid', async () => {
    const path = join(folder, 'theirs.db');
    await rm(path, { force: true });
    await bbolt(
      'bench',
      '--path',
      path,
      '--work',
      '--count',
      '2000',
      '--batch-size',
      '500',
      '--value-size',
      '200',
      '--profile-mode',
      'w',
    );
    const census = await checkedBbolt(path);
    expect(census.values).toBe(2000);
    const theirs = await BboltFile.open(path);
    expect((await Array.fromAsync(theirs.entries())).length).toBe(2000);
    await theirs.close();
    const compact = join(folder, 'compact.db');
    await bbolt('compact', '-o', compact, path);
    expect((await checkedBbolt(compact)).values).toBe(2000);
  });
});
