import { randomBytes } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  decodeFramedGzip,
  decodeFramedZstd,
  decodeGzip,
  decodeTar,
  decodeZstd,
  encodeGzip,
  encodeTar,
  encodeZstd,
  readExactTar,
} from '#archive';

const MIB = 1024 * 1024;

async function* inChunks(bytes: Uint8Array, size = 65_521): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function all(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks));
}

/** Half of it compresses, half of it does not. */
function content(size: number): Buffer {
  return Buffer.concat([Buffer.alloc(size - (size >> 1), 'text '), randomBytes(size >> 1)]);
}

const invalid = { code: 'ERR_EXPORT_ARCHIVE_INVALID' };

describe('decodeFramedGzip', () => {
  const pack = (bytes: Buffer) => all(encodeGzip(inChunks(bytes)));
  const unpack = (bytes: Buffer, size?: number) => all(decodeFramedGzip(inChunks(bytes, size), 'x'));

  it.each([0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB, 3 * MIB + 7])('takes what is written of %d bytes', async (size) => {
    const bytes = content(size);
    expect((await unpack(await pack(bytes))).equals(bytes)).toBe(true);
  });

  it('takes it in chunks of any size', async () => {
    const packed = await pack(content(MIB + 100));
    for (const size of [1, 7, 10_007, packed.length]) expect(await unpack(packed, size)).toHaveLength(MIB + 100);
  });

  it('refuses members that are cut elsewhere, empty, joined or followed by anything, which other readers take', async () => {
    const [full, short, empty] = [await pack(content(MIB)), await pack(content(9)), await pack(Buffer.alloc(0))];
    const joined = [
      [short, full],
      [short, short],
      [full, empty],
      [empty, full],
      [empty, empty],
      [full, short, empty],
    ];
    for (const parts of joined) {
      const packed = Buffer.concat(parts);
      await expect(all(decodeGzip(inChunks(packed), 'x'))).resolves.toBeInstanceOf(Buffer);
      await expect(unpack(packed)).rejects.toMatchObject(invalid);
    }
    for (const tail of [Buffer.alloc(1), Buffer.alloc(600), full.subarray(0, 5)]) {
      await expect(unpack(Buffer.concat([full, tail]))).rejects.toMatchObject(invalid);
      await expect(unpack(Buffer.concat([short, tail]))).rejects.toMatchObject(invalid);
    }
  });

  it('refuses every cut and every changed byte', async () => {
    const packed = await pack(Buffer.from('some text, some text, some text'));
    for (let at = 0; at < packed.length; at++) {
      await expect(unpack(packed.subarray(0, at)), `cut at ${at}`).rejects.toMatchObject(invalid);
      const changed = Buffer.from(packed);
      changed[at] = (changed[at] as number) ^ 0x41;
      await expect(unpack(changed), `changed at ${at}`).rejects.toMatchObject(invalid);
    }
  });
});

describe('decodeFramedZstd', () => {
  const pack = (bytes: Buffer, level = 9) => all(encodeZstd(inChunks(bytes), { level }));
  const unpack = (bytes: Buffer) => all(decodeFramedZstd(inChunks(bytes), 'x', { maxRatio: Number.MAX_SAFE_INTEGER }));

  it.each([0, 1, 255, 256, 65_791, 65_792, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1])(
    'takes what is written of %d bytes',
    async (size) => {
      const bytes = Buffer.alloc(size, 'text ');
      for (const level of [1, 9, 19]) expect((await unpack(await pack(bytes, level))).equals(bytes)).toBe(true);
    },
  );

  it('refuses frames that are cut elsewhere, empty or without size, which other readers take', async () => {
    const [full, short, empty] = [
      await pack(Buffer.alloc(8 * MIB)),
      await pack(content(9)),
      await pack(Buffer.alloc(0)),
    ];
    const unsized = zstdCompressSync(content(300), { params: { 201: 1, 200: 0 } });
    for (const parts of [[short, full], [short, short], [full, empty], [empty, full], [empty, empty], [unsized]]) {
      const packed = Buffer.concat(parts);
      const limits = { maxRatio: Number.MAX_SAFE_INTEGER };
      await expect(all(decodeZstd(inChunks(packed), 'x', limits))).resolves.toBeInstanceOf(Buffer);
      await expect(unpack(packed)).rejects.toMatchObject(invalid);
    }
  });
});

describe('readExactTar', () => {
  const mtime = 1_787_356_800;
  const entries = [
    { path: 'a', size: 0, content: Buffer.alloc(0) },
    { path: 'b.json', size: 600, content: Buffer.alloc(600, 'b') },
    { path: 'folder/c', size: 1024, content: Buffer.alloc(1024, 'c') },
  ];
  const read = async (tar: Uint8Array, skip = false) => {
    const found: [string, string][] = [];
    for await (const file of readExactTar(inChunks(tar, 1000), 'x', mtime)) {
      found.push([file.path, skip ? '' : (await all(file.chunks())).toString()]);
    }
    return found;
  };

  it('takes what encodeTar writes, its content read or passed over', async () => {
    const tar = await all(encodeTar(entries, { mtime }));
    expect(await read(tar)).toEqual(entries.map(({ path, content: bytes }) => [path, bytes.toString()]));
    expect((await read(tar, true)).map(([path]) => path)).toEqual(['a', 'b.json', 'folder/c']);
  });

  it('refuses every byte that is changed outside of content, also where decodeTar takes the archive', async () => {
    const tar = await all(encodeTar(entries.slice(0, 2), { mtime }));
    let taken = 0;
    for (let at = 0; at < tar.length; at++) {
      if (at >= 1024 && at < 1624) continue;
      const changed = Buffer.from(tar);
      changed[at] = (changed[at] as number) ^ 0x01;
      await expect(read(changed), `changed at ${at}`).rejects.toMatchObject(invalid);
      taken += await Array.fromAsync(decodeTar(inChunks(changed), 'x')).then(
        () => 1,
        () => 0,
      );
    }
    expect(taken).toBeGreaterThan(300);
  });

  it('refuses every cut', async () => {
    const tar = await all(encodeTar(entries.slice(0, 2), { mtime }));
    for (let at = 0; at < tar.length; at += 64) {
      await expect(read(tar.subarray(0, at)), `cut at ${at}`).rejects.toMatchObject(invalid);
    }
  });
});
