import { randomBytes } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { deflateRaw } from 'pako';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { assertCodecs, codecVersions, decodeGzip, decodeZstd, encodeGzip, encodeZstd } from '#archive';
import { digestOf } from '#core';
import { runCommand, runPeer, testPeers } from '../peers/peers.ts';
import { collect, Folder, inChunks } from './reading.ts';

const MIB = 1024 * 1024;

let folder: Folder;
beforeAll(async () => {
  folder = await Folder.make();
});
afterAll(() => folder[Symbol.asyncDispose]());

/** Text that packs neither very well nor badly. */
function textOf(length: number): Buffer {
  const words = ['severity', 'affected', '"introduced":"0"', 'CVE-2024-', '1.2.3', '{', '}', '\n', 'fixed'];
  const text = Buffer.alloc(length);
  let state = 7;
  for (let at = 0; at < length; ) {
    state = (Math.imul(state, 69069) + 1) >>> 0;
    at += text.write(`${words[state % words.length]}${state >>> 20}`, at) || length;
  }
  return text;
}

const gzip = async (bytes: Uint8Array, sizes = [65_536]) => await collect(encodeGzip(inChunks(bytes, sizes)));
const zstd = async (bytes: Uint8Array, sizes = [65_536], level = 3) =>
  await collect(encodeZstd(inChunks(bytes, sizes), { level }));

describe('gzip', () => {
  test('of nothing is one empty member with a header that names no time and no system', async () => {
    expect((await gzip(Buffer.alloc(0))).toString('hex')).toBe('1f8b08000000000000ff03000000000000000000');
  });

  test('is what zlib written in another language makes of each mebibyte', async () => {
    const content = textOf(2 * MIB + 12_345);
    const packed = await gzip(content);
    for (let at = 0, from = 0; at < content.length; at += MIB) {
      const member = deflateRaw(content.subarray(at, at + MIB), { level: 6, memLevel: 8, windowBits: 15 });
      expect(packed.subarray(from + 10, from + 10 + member.length).equals(member)).toBe(true);
      from += 10 + member.length + 8;
    }
  });

  test.each([0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB])('of %d bytes is undone by ours and by zlib', async (length) => {
    const content = textOf(length);
    const packed = await gzip(content);
    expect(gunzipSync(packed).equals(content)).toBe(true);
    expect((await collect(decodeGzip(inChunks(packed, [10_007]), 'x'))).equals(content)).toBe(true);
  });

  test('is accepted by stock gzip, which refuses it damaged', async () => {
    const packed = await gzip(textOf(2 * MIB));
    const check = async (bytes: Uint8Array) => (await runCommand('gzip', ['-t'], { input: bytes })).code;
    expect(await check(packed)).toBe(0);
    const damaged = Buffer.from(packed);
    damaged[packed.length >> 1] = (damaged[packed.length >> 1] ?? 0) ^ 1;
    expect(await check(damaged)).not.toBe(0);
    expect(await check(packed.subarray(0, -1))).not.toBe(0);
  });

  test('gives a known digest', async () => {
    expect(digestOf(await gzip(textOf(MIB + 50_000)))).toBe(
      'sha256:10a717ca2ab63041acbd540b964d64f2f4b6d30d9c50a39e934a96fdddda47c0',
    );
  });
});

describe('zstd', () => {
  test('of nothing is one frame that says so', async () => {
    const packed = await zstd(Buffer.alloc(0));
    expect(packed.subarray(0, 6).toString('hex')).toBe('28b52ffd2400');
    expect(await collect(decodeZstd(inChunks(packed, [3]), 'x'))).toHaveLength(0);
  });

  test.each([1, 131_071, 131_072, 131_073, 8 * MIB, 8 * MIB + 1])('of %d bytes is undone', async (length) => {
    const content = textOf(length);
    const unpacked = await collect(decodeZstd(inChunks(await zstd(content), [10_007]), 'x'));
    expect(unpacked.equals(content)).toBe(true);
  });

  testPeers(['zstd'], 'is accepted by stock zstd, with sizes and checksums, and refused damaged', async () => {
    const packed = await zstd(textOf(8 * MIB + 5), [MIB]);
    const path = await folder.write(packed);
    expect((await runPeer('zstd', ['-q', '-t', path])).code).toBe(0);
    const { stdout } = await runPeer('zstd', ['-lv', path]);
    expect(stdout).toMatch(/# Zstandard Frames: 2/);
    expect(stdout).toMatch(/Check: XXH64/);
    expect(stdout).toMatch(/Decompressed Size: .*\(8388613 B\)/);
    const damaged = Buffer.from(packed);
    damaged[packed.length >> 1] = (damaged[packed.length >> 1] ?? 0) ^ 1;
    expect((await runPeer('zstd', ['-q', '-t', await folder.write(damaged)])).code).not.toBe(0);
  });

  test('has a checksum that finds damage which unpacks well', async () => {
    const packed = await zstd(randomBytes(1000));
    packed[200] = (packed[200] ?? 0) ^ 1;
    await expect(collect(decodeZstd(inChunks(packed, [400]), 'shard'))).rejects.toMatchObject({
      code: 'ERR_EXPORT_ARCHIVE_INVALID',
      message: expect.stringMatching(/^shard: /),
    });
  });

  test.each([3, 19])('gives a known digest at level %d', async (level) => {
    const golden: Record<number, string> = {
      3: 'sha256:176b881d5fb6f29a77a73cef133d970ae303c23eb1962b68009dbc7e0f30dd3f',
      19: 'sha256:83cd3e55d997473651172ee86ab2e067d4e8d39075a8b8bfa182d188ae050480',
    };
    expect(digestOf(await zstd(textOf(300_000), [65_536], level))).toBe(golden[level]);
  });

  test.each([0, 20, 1.5, Number.NaN])('refuses level %d', async (level) => {
    await expect(zstd(textOf(10), [10], level)).rejects.toThrow(RangeError);
  });

  test('refuses a frame that asks for more memory than readers grant, or for a dictionary', async () => {
    const window = Buffer.from('28b52ffd00f8010000', 'hex');
    await expect(collect(decodeZstd(inChunks(window, [9]), 'x'))).rejects.toMatchObject({
      code: 'ERR_EXPORT_ARCHIVE_LIMIT',
      message: expect.stringContaining('x: zstd window of 2199023255552 bytes'),
      hint: expect.stringContaining('--long=27'),
    });
    const dictionary = Buffer.from('28b52ffd2101000100', 'hex');
    await expect(collect(decodeZstd(inChunks(dictionary, [9]), 'x'))).rejects.toThrow('dictionary');
  });
});

describe.each([
  ['gzip', gzip, decodeGzip],
  ['zstd', zstd, decodeZstd],
] as const)('%s', (_, encode, decode) => {
  test('packs to the same bytes, and unpacks to the same, however they arrive', async () => {
    const content = textOf(MIB + 77_777);
    const expected = await encode(content);
    const sizes = fc.array(fc.integer({ min: 1, max: 300_000 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(sizes, sizes, async (inSizes, outSizes) => {
        const packed = await encode(content, [...inSizes, 9999]);
        expect(packed.equals(expected)).toBe(true);
        const unpacked = await collect(decode(inChunks(packed, [...outSizes, 9999]), 'x'));
        expect(unpacked.equals(content)).toBe(true);
      }),
      { numRuns: 10 },
    );
  });

  test('passes on a failure of its source, both ways', async () => {
    const failing = async function* () {
      yield (await encode(textOf(1000))).subarray(0, 50);
      throw new Error('the source failed');
    };
    await expect(collect(decode(failing(), 'x'))).rejects.toThrow('the source failed');
  });

  test('ends its source when the caller stops', async () => {
    const packed = await encode(textOf(2 * MIB));
    let ended = false;
    const source = async function* () {
      try {
        yield* inChunks(packed, [5000]);
      } finally {
        ended = true;
      }
    };
    for await (const _ of decode(source(), 'x')) break;
    await vi.waitFor(() => expect(ended).toBe(true), { timeout: 10_000 });
  });
});

test('asks its source for a few members ahead at most', async () => {
  let given = 0;
  const source = async function* () {
    for (let i = 0; i < 20; i++) {
      given++;
      yield Buffer.alloc(MIB, i);
    }
  };
  let taken = 0;
  for await (const _ of encodeGzip(source())) {
    taken++;
    expect(given - taken).toBeLessThanOrEqual(4);
  }
  expect(taken).toBe(20);
});

describe('assertCodecs', () => {
  afterEach(() => {
    vi.doUnmock('../../src/archive/gzip-encode.ts');
    vi.resetModules();
  });

  test('accepts the compressors of the Node that npm installs', async () => {
    await expect(assertCodecs()).resolves.toBeUndefined();
  });

  test('refuses others, names their versions and what to do', async () => {
    vi.doMock('../../src/archive/gzip-encode.ts', () => ({ encodeGzip: () => inChunks(Buffer.from('other'), [5]) }));
    vi.resetModules();
    const { assertCodecs: assertMocked } = await import('../../src/archive/codec-check.ts');
    await expect(assertMocked()).rejects.toMatchObject({
      code: 'ERR_EXPORT_CODEC_CHANGED',
      hint: expect.stringContaining('npm ci'),
      details: { codec: 'gzip', zlib: process.versions.zlib, node: process.versions.node },
    });
  });

  test('provenance has the versions', () => {
    expect(codecVersions).toEqual({
      node: process.versions.node,
      zlib: process.versions.zlib,
      zstd: expect.stringMatching(/^1\.5\./),
    });
  });
});
