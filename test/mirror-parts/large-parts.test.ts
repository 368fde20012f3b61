import { execFileSync } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Digest } from '#core';
import { encodeFrame, encodePart, partFileName, partPaths } from '../../src/mirror/parts/format.ts';
import { cutOf, requireCut, sliceOf } from '../../src/mirror/parts/geometry.ts';
import { openParts } from '../../src/mirror/parts.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';

/** The largest file of FAT32. */
const FAT32 = 4_294_967_295;
const digest = `sha256:${'a'.repeat(64)}` as Digest;
const signature = Buffer.from(`${'A'.repeat(86)}==\n`);

/** Writes a part whose bytes of the kit are zeros, but for its number at both ends: a file with a hole. */
async function writeSparse(dir: string, tarBytes: number, partBytes: number, part: number): Promise<string> {
  const cut = requireCut(tarBytes, partBytes);
  const { offset, sizeBytes } = sliceOf(cut, tarBytes, part);
  const kit = { kit: digest, stream: 'main', sequence: 999_999_999, checksums: digest, tarBytes, partBytes };
  const described = {
    formatVersion: 1,
    ...kit,
    part,
    parts: cut.parts,
    offset,
    sizeBytes,
    digest,
    recipients: [],
  } as const;
  const rest = new Map<string, Uint8Array>([
    [partPaths.part, encodePart(described)],
    [partPaths.signature, signature],
  ]);
  const { before, after } = await encodeFrame(sizeBytes, rest);
  const path = join(dir, partFileName('main', part));
  await using file = await open(path, 'w');
  await file.write(before, 0, before.length, 0);
  await file.write(Buffer.of(part), 0, 1, before.length);
  await file.write(Buffer.of(part), 0, 1, before.length + sizeBytes - 1);
  await file.write(after, 0, after.length, before.length + sizeBytes);
  return path;
}

describe('parts', () => {
  test.each([
    ['of FAT32', FAT32],
    ['of a disc, beyond what a tar header can say', 25_025_314_816],
  ])('of the largest file %s are read across their ends, and by tar', async (_, partBytes) => {
    const dir = await makeTempDir();
    const tarBytes = 2 * partBytes + 12_345;
    const { sliceBytes, parts } = requireCut(tarBytes, partBytes);
    expect(parts).toBe(3);
    const paths: string[] = [];
    for (let part = 1; part <= parts; part++) paths.push(await writeSparse(dir, tarBytes, partBytes, part));
    for (const path of paths) {
      await using file = await open(path, 'r');
      const { size } = await file.stat();
      expect(size).toBeLessThanOrEqual(partBytes);
      if (path !== paths.at(-1)) expect(size).toBeGreaterThan(partBytes - 8192);
      expect(execFileSync('tar', ['-tf', path]).toString()).toBe('data\npart.json\npart.json.sig\n');
    }
    const opened = await openParts([dir]);
    const byteAt = async (position: number) => {
      const buffer = Buffer.alloc(1);
      return [(await opened?.joined.read(buffer, 0, 1, position))?.bytesRead, buffer[0]];
    };
    expect((await opened?.joined.stat())?.size).toBe(tarBytes);
    expect(await byteAt(0)).toEqual([1, 1]);
    expect(await byteAt(sliceBytes - 1)).toEqual([1, 1]);
    expect(await byteAt(sliceBytes)).toEqual([1, 2]);
    expect(await byteAt(2 * sliceBytes - 1)).toEqual([1, 2]);
    expect(await byteAt(2 * sliceBytes)).toEqual([1, 3]);
    expect(await byteAt(tarBytes - 1)).toEqual([1, 3]);
    expect(await byteAt(tarBytes)).toEqual([0, 0]);
    await opened?.close();
  });

  test('are as many as it takes, and at most 9999', () => {
    expect(cutOf(1, 65_536)).toEqual({ sliceBytes: 57_344, parts: 1 });
    expect(cutOf(57_344, 65_536)?.parts).toBe(1);
    expect(cutOf(57_345, 65_536)?.parts).toBe(2);
    expect(cutOf(9999 * 57_344, 65_536)?.parts).toBe(9999);
    expect(cutOf(9999 * 57_344 + 1, 65_536)).toBeUndefined();
    expect(cutOf(1, 65_535)).toBeUndefined();
    for (const tarBytes of [9999 * 57_344 + 1, 1_000_000_007, 123_456_789_012_345]) {
      expect(() => requireCut(tarBytes, 65_536)).toThrow(expect.objectContaining({ code: 'ERR_EXPORT_USAGE' }));
      const [, least = ''] = /at least (\d+) bytes/.exec(hintOf(() => requireCut(tarBytes, 65_536))) ?? [];
      expect(requireCut(tarBytes, Number(least)).parts).toBeLessThanOrEqual(9999);
    }
  });
});

function hintOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as { hint?: string }).hint ?? '';
  }
  return '';
}
