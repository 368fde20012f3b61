import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { extract } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeTar, type TarEntry } from '#archive';
import { digestOf } from '#core';
import { runCommand } from '../peers/peers.ts';
import { collect, Folder, inChunks, readAll } from './reading.ts';

let folder: Folder;
beforeAll(async () => {
  folder = await Folder.make();
});
afterAll(() => folder[Symbol.asyncDispose]());

const mtime = 1_755_820_800;
const entryOf = (path: string, content: string): TarEntry => ({
  path,
  size: Buffer.byteLength(content),
  content: Buffer.from(content),
});
const pack = async (entries: readonly TarEntry[]) => await collect(encodeTar(entries, { mtime }));
const three = [entryOf('a.json', '{}'), entryOf('deep/b.bin', 'B'.repeat(1500)), entryOf('z', '')];

describe('stock tar', () => {
  test('lists every field as it was meant', async () => {
    const tar = await folder.write(await collect(encodeTar([{ ...entryOf('run', '1'), mode: 0o755 }], { mtime })));
    const { stdout, code } = await runCommand('tar', ['--utc', '--numeric-owner', '--full-time', '-tvf', tar]);
    expect(code).toBe(0);
    expect(stdout.trim().split(/\s+/)).toEqual(['-rwxr-xr-x', '0/0', '1', '2025-08-22', '00:00:00', 'run']);
  });

  test('unpacks the contents', async () => {
    const tar = await folder.write(await pack(three));
    for (const { path, content } of three) {
      const { stdout, code, stderr } = await runCommand('tar', ['-xOf', tar, path]);
      expect([code, stderr, stdout]).toEqual([0, '', Buffer.from(content as Uint8Array).toString()]);
    }
  });

  test('refuses it with a changed header', async () => {
    const bytes = await pack(three);
    bytes[0] = 0x62;
    expect((await runCommand('tar', ['-tf', await folder.write(bytes)])).code).not.toBe(0);
  });

  test('takes names up to what ustar can split', async () => {
    const longest = `${'p'.repeat(155)}/${'n'.repeat(100)}`;
    const tar = await folder.write(await pack([entryOf(longest, '1')]));
    expect((await runCommand('tar', ['-tf', tar])).stdout.trim()).toBe(longest);
    expect(await readAll(tar)).toEqual([[longest, '1']]);
  });
});

test('is what our reader and tar-stream read back', async () => {
  const bytes = await pack(three);
  const expected = three.map(({ path, content }) => [path, Buffer.from(content as Uint8Array).toString()]);
  expect(await readAll(await folder.write(bytes))).toEqual(expected);
  const reader = extract();
  reader.end(bytes);
  const seen: string[][] = [];
  for await (const entry of reader)
    seen.push([entry.header.name, (await collect(entry as AsyncIterable<Uint8Array>)).toString()]);
  expect(seen).toEqual(expected);
});

test('is the same bytes, blocks of 512 and a known digest, however the content arrives', async () => {
  const content = Buffer.from('content '.repeat(9000));
  const expected = await pack([{ path: 'c', size: content.length, content }]);
  expect(expected.length % 512).toBe(0);
  expect(digestOf(expected)).toBe('sha256:65b2500bedd3c5302282b0c98e1ff59ec9d890585906fbb5842d0c1a534dad29');
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 50_000 }), { minLength: 1, maxLength: 8 }), async (sizes) => {
      const entries = [{ path: 'c', size: content.length, content: inChunks(content, sizes) }];
      expect((await pack(entries)).equals(expected)).toBe(true);
    }),
    { numRuns: 15 },
  );
});

test('takes content that comes through two buffers in turn, however slowly it is read', async () => {
  const size = 64 * 1024;
  const content = Buffer.from(Array.from({ length: 12 * size }, (_, i) => i % 251));
  const expected = await pack([{ path: 'c', size: content.length, content }]);
  const throughTwo = async function* () {
    const buffers = [Buffer.alloc(size), Buffer.alloc(size)];
    for (let at = 0; at < content.length; at += size) {
      const [buffer] = buffers.reverse() as [Buffer];
      content.copy(buffer, 0, at, at + size);
      yield buffer;
    }
  };
  const parts: Buffer[] = [];
  for await (const chunk of encodeTar([{ path: 'c', size: content.length, content: throughTwo() }], { mtime })) {
    await pause(parts.length % 3);
    parts.push(Buffer.from(chunk));
  }
  expect(Buffer.concat(parts).equals(expected)).toBe(true);
});

describe('refuses', () => {
  test.each([
    '',
    '/a',
    '../a',
    'a/../b',
    './a',
    'a//b',
    'a/',
    'a\\b',
    'ä',
    'a\nb',
    'n'.repeat(101),
    `${'p'.repeat(156)}/n`,
    `${'a/'.repeat(130)}n`,
  ])('the path %j', async (path) => {
    await expect(pack([entryOf(path, '1')])).rejects.toThrow(RangeError);
  });

  test.each([-1, 1.5, 2 ** 31, Number.NaN])('the time %d', async (time) => {
    await expect(collect(encodeTar(three, { mtime: time }))).rejects.toThrow(RangeError);
  });

  test('a mode or a size that is none', async () => {
    await expect(pack([{ ...entryOf('a', '1'), mode: 0o1000 }])).rejects.toThrow(RangeError);
    await expect(pack([{ ...entryOf('a', '1'), size: -1 }])).rejects.toThrow(RangeError);
  });

  test('8 GiB before it asks for any of it, and one byte less not', async () => {
    let asked = 0;
    const content = (async function* () {
      asked++;
      yield new Uint8Array(1);
    })();
    await expect(pack([{ path: 'a', size: 2 ** 33, content }])).rejects.toMatchObject({ code: 'ERR_EXPORT_TOO_LARGE' });
    expect(asked).toBe(0);
    const mismatch = { code: 'ERR_EXPORT_SIZE_MISMATCH' };
    await expect(pack([{ path: 'a', size: 2 ** 33 - 1, content }])).rejects.toMatchObject(mismatch);
    expect(asked).toBe(1);
  });

  test('content that is shorter or longer than announced', async () => {
    for (const size of [0, 1, 3, 600]) {
      const entry = { path: 'a', size, content: inChunks(Buffer.from('ab'), [1]) };
      await expect(pack([entry]), `${size}`).rejects.toMatchObject({ code: 'ERR_EXPORT_SIZE_MISMATCH' });
    }
  });

  test('entries out of byte order unless told, and twice in any case', async () => {
    const [a, b] = [entryOf('a', '1'), entryOf('b', '1')];
    await expect(pack([b, a])).rejects.toThrow('tar entry a after b: not in byte order');
    await expect(pack([a, a])).rejects.toThrow(RangeError);
    const anyOrder = { mtime, anyOrder: true };
    const tar = await folder.write(await collect(encodeTar([b, a], anyOrder)));
    expect(await readAll(tar)).toEqual([
      ['b', '1'],
      ['a', '1'],
    ]);
    await expect(collect(encodeTar([b, a, b], anyOrder))).rejects.toThrow('duplicate tar entry b');
  });
});

test('a source that fails ends it with that failure', async () => {
  const content = (async function* () {
    yield new Uint8Array(100_000);
    throw new Error('the source failed');
  })();
  await expect(pack([{ path: 'a', size: 200_000, content }])).rejects.toThrow('the source failed');
});

test('a caller that stops early ends the source', async () => {
  let ended = false;
  const content = (async function* () {
    try {
      for (;;) yield new Uint8Array(65_536);
    } finally {
      ended = true;
    }
  })();
  for await (const _ of encodeTar([{ path: 'a', size: 2 ** 32, content }], { mtime })) break;
  expect(ended).toBe(true);
});

test('asks for content no faster than it is taken', async () => {
  let given = 0;
  const content = (async function* () {
    for (let i = 0; i < 64; i++) {
      given += 65_536;
      yield new Uint8Array(65_536);
    }
  })();
  let taken = 0;
  for await (const chunk of encodeTar([{ path: 'a', size: 64 * 65_536, content }], { mtime })) {
    taken += chunk.length;
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(given - taken).toBeLessThan(4 * 65_536);
  }
});

test('a large archive on disk is read by stock tar', async () => {
  const path = join(folder.path, 'large.tar');
  const content = inChunks(Buffer.alloc(5_000_000, 'large '), [70_000, 1, 513]);
  await writeFile(path, encodeTar([{ path: 'large', size: 5_000_000, content }], { mtime }));
  const { stdout } = await runCommand('tar', ['-tvf', path]);
  expect(stdout).toMatch(/ 5000000 /);
});
