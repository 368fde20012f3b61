import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { type BboltEntry, BboltFile, bboltLimits, writeBbolt } from '#bbolt';
import type { PageSink } from '../../src/bbolt/page-writer.ts';
import { writePages } from '../../src/bbolt/writer.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { checkedBbolt } from './checked.ts';
import { type Content, content, entriesOf, textOf } from './entries.ts';

let folder: string;
beforeEach(async () => {
  folder = await makeTempDir();
});

const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');

function at(path: string, key?: string, value = 'v'): BboltEntry {
  const bucket = path.split('/').map(bytes);
  return key === undefined ? { bucket } : { bucket, key: bytes(key), value: bytes(value) };
}

async function written(entries: readonly BboltEntry[], name = 'a.db'): Promise<string> {
  const path = join(folder, name);
  await rm(path, { force: true });
  await writeBbolt(path, [entries]);
  return path;
}

async function read(path: string): Promise<string[]> {
  const file = await BboltFile.open(path);
  try {
    return (await Array.fromAsync(file.entries())).map(textOf);
  } finally {
    await file.close();
  }
}

describe('writeBbolt', () => {
  it('gives back what went in, in a file that the checker finds valid', async () => {
    await fc.assert(
      fc.asyncProperty(content, async (tree) => {
        const entries = [...entriesOf(tree)];
        const path = await written(entries);
        expect(await read(path)).toEqual(entries.map(textOf));
        const census = await checkedBbolt(path);
        expect(census.freePages).toBe(0);
        expect(census.values).toBe(entries.filter((entry) => entry.key !== undefined).length);
      }),
      { numRuns: 40 },
    );
  });

  it('writes the same bytes however the entries are cut into batches', async () => {
    await fc.assert(
      fc.asyncProperty(content, fc.integer({ min: 1, max: 7 }), async (tree, size) => {
        const entries = [...entriesOf(tree)];
        const whole = await readFile(await written(entries));
        const path = join(folder, 'cut.db');
        await rm(path, { force: true });
        await writeBbolt(path, inPieces(entries, size));
        expect(whole.equals(await readFile(path))).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('lets a batch reuse its memory once the next one is asked for', async () => {
    const shared = { bucket: [bytes('b')], key: bytes('k1'), value: bytes('one') };
    const path = join(folder, 'reused.db');
    await writeBbolt(
      path,
      (function* () {
        yield [shared];
        shared.key.set(bytes('k2'));
        shared.value.set(bytes('two'));
        yield [shared];
        shared.bucket[0]?.set(bytes('c'));
        yield [shared];
      })(),
    );
    expect(await read(path)).toEqual([at('b', 'k1', 'one'), at('b', 'k2', 'two'), at('c', 'k2', 'two')].map(textOf));
  });

  it('lays an empty database down as four pages', async () => {
    const path = await written([]);
    expect(await checkedBbolt(path)).toEqual({ pages: 4, freePages: 0, buckets: 0, values: 0 });
    expect((await readFile(path)).byteLength).toBe(4 * 4096);
  });

  it('keeps a bucket inline up to 1024 bytes and gives it a page beyond', async () => {
    const pagesFor = async (valueSize: number): Promise<number> =>
      (await checkedBbolt(await written([at('b', 'k', 'v'.repeat(valueSize))]))).pages;
    const inline = bboltLimits.inlineBytes - 16 - 16 - 1;
    expect(await pagesFor(inline)).toBe(4);
    expect(await pagesFor(inline + 1)).toBe(5);
  });

  it('finds each of thousands of keys in thousands of buckets', async () => {
    const tree: Content = new Map([['eco', new Map(Array.from({ length: 5000 }, (_, i) => pkg(i)))]]);
    const path = await written([...entriesOf(tree)]);
    expect(await checkedBbolt(path)).toMatchObject({ buckets: 5001, values: 15_000 });
    const file = await BboltFile.open(path);
    for (const i of [0, 1, 17, 2500, 4999]) {
      const value = await file.get([bytes('eco'), bytes(`pkg-${i}`)], bytes('id-1'));
      expect(Buffer.from(value ?? '').toString()).toBe(`value ${i}`);
    }
    expect(await file.get([bytes('eco'), bytes('pkg-1')], bytes('id-9'))).toBeUndefined();
    expect(await file.get([bytes('eco'), bytes('none')], bytes('id-1'))).toBeUndefined();
    expect(await file.get([bytes('eco')], bytes('pkg-1'))).toBeUndefined();
    await file.close();
  });

  it('builds several levels of branches even from the longest keys', async () => {
    const long = (i: number): string => `${'k'.repeat(bboltLimits.keyBytes - 4)}${String(i).padStart(4, '0')}`;
    const entries = Array.from({ length: 40 }, (_, i) => at('b', long(i), `${i}`));
    const path = await written(entries);
    expect(await read(path)).toEqual(entries.map(textOf));
    await checkedBbolt(path);
  });

  it.each([
    ['a key twice', [at('b', 'k'), at('b', 'k')], /duplicate key "k" in the bucket "b"/],
    ['keys out of order', [at('b', 'k'), at('b', 'j')], /"j" comes after "k" in the bucket "b"/],
    ['a bucket twice', [at('b/c', 'k'), at('b', 'd'), at('b/c', 'l')], /"c" comes after "d" in the bucket "b"/],
    ['a bucket named like a key', [at('b', 'c'), at('b/c', 'k')], /duplicate key "c" in the bucket "b"/],
    ['an empty bucket twice', [at('b'), at('c'), at('b')], /"b" comes after "c" in the root/],
    ['a value outside all buckets', [{ bucket: [], key: bytes('k'), value: bytes('v') }], /bucket path is empty/],
    ['a key without a value', [{ bucket: [bytes('b')], key: bytes('k') }], /has no value/],
    ['a value without a key', [{ bucket: [bytes('b')], value: bytes('v') }], /without a key/],
  ])('refuses %s', async (_, entries, message) => {
    await expect(written(entries)).rejects.toThrow(TypeError);
    await expect(written(entries)).rejects.toThrow(message);
  });

  it.each([
    ['an empty key', at('b', '')],
    ['an empty bucket name', at('', 'k')],
    ['a key beyond 32768 bytes', at('b', 'k'.repeat(32_769))],
    ['a bucket name beyond 32768 bytes', at('b'.repeat(32_769), 'k')],
  ])('refuses %s', async (_, entry) => {
    await expect(written([entry])).rejects.toThrow(RangeError);
  });

  it('reports a write that failed while more was taken in', async () => {
    const entries = Array.from({ length: 1000 }, (_, i) => at('b', `key-${1000 + i}`, 'v'.repeat(4000)));
    let written = 0;
    const sink: PageSink = {
      async write(_, __, length) {
        written += length;
        if (written > 2_000_000) throw new Error('no space left');
        return { bytesWritten: length };
      },
    };
    await expect(writePages(sink, inPieces(entries, 10))).rejects.toThrow('no space left');
    expect(written).toBeLessThan(3_000_000);
  });

  it('writes over no file, and names the folder that is missing', async () => {
    const path = await written([]);
    await expect(writeBbolt(path, [])).rejects.toMatchObject({ code: 'ERR_EXPORT_IO' });
    await expect(writeBbolt(join(folder, 'none', 'a.db'), [])).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });
  });
});

function pkg(i: number): [string, Content] {
  const pairs = ['id-0', 'id-1', 'id-2'].map((id): [string, Uint8Array] => [id, bytes(`value ${i}`)]);
  return [`pkg-${i}`, new Map(pairs)];
}

function* inPieces(entries: readonly BboltEntry[], size: number): Generator<readonly BboltEntry[]> {
  for (let i = 0; i < entries.length; i += size) yield entries.slice(i, i + size);
}
