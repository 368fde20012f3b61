import { expect, test } from 'vitest';
import type { Digest } from '#core';
import type { StoredRepository } from '#oci/store';
import { describe, noise, readAll } from '../../content.ts';
import { streamOf } from '../stream-of.ts';
import { opening, type StorageFixture } from './storage.ts';

const bytes = noise(700_000);
const { digest } = describe(bytes);

async function push({ uploads }: StoredRepository, content = bytes): Promise<Digest> {
  const { digest: pushed } = describe(content);
  await uploads.put(pushed, streamOf(content, 100_000));
  return pushed;
}

/** What blobs of a repository promise (src/oci/store/registry-store.ts). */
export function blobContract(setUp: () => Promise<StorageFixture>): void {
  const open = opening(setUp);

  test('a blob is readable only through a repository that has it, and lies there once', async () => {
    const store = await open();
    const [a, b] = [store.repository('a'), store.repository('b')];
    await push(a);
    expect(await a.blobs.size(digest)).toBe(700_000);
    expect(await b.blobs.size(digest)).toBeUndefined();
    expect(await b.blobs.open(digest)).toBeUndefined();
    expect(await b.blobs.mount(digest, store.repository('c').blobs)).toBe(false);
    expect(await b.blobs.mount(digest, a.blobs)).toBe(true);
    expect(await a.blobs.delete(digest)).toBe(true);
    expect(await a.blobs.delete(digest)).toBe(false);
    expect(await a.blobs.size(digest)).toBeUndefined();
    expect(await b.blobs.size(digest)).toBe(700_000);
  });

  test('a mount from anywhere takes any repository of the tenant, and none of another', async () => {
    const mine = await open('mine');
    const other = await open('other');
    await push(other.repository('a'));
    expect(await mine.repository('a').blobs.size(digest)).toBeUndefined();
    expect(await mine.repository('a').blobs.mount(digest)).toBe(false);
    expect(await mine.repository('a').blobs.size(digest)).toBeUndefined();
    expect(await other.repository('b').blobs.mount(digest)).toBe(true);
  });

  test('reading: all of it, and ranges', async () => {
    const store = await open();
    const repository = store.repository('a');
    await push(repository);
    const openBlob = async () => (await repository.blobs.open(digest)) ?? expect.fail('no blob');
    expect(Buffer.compare(await readAll((await openBlob()).read()), bytes)).toBe(0);
    for (const [start, end] of [
      [0, 0],
      [699_999, 699_999],
      [262_143, 262_144],
      [100, 600_000],
    ] as const) {
      const part = await readAll((await openBlob()).read({ start, end }));
      expect(Buffer.compare(part, bytes.subarray(start, end + 1))).toBe(0);
    }
    const empty = await push(repository, new Uint8Array(0));
    const file = await repository.blobs.open(empty);
    expect(file?.size).toBe(0);
    expect(await readAll(file?.read() ?? expect.fail())).toHaveLength(0);
  });

  test('a blob that is being read survives its deletion', async () => {
    const store = await open();
    const repository = store.repository('a');
    await push(repository);
    const reading = (await repository.blobs.open(digest))?.read() ?? expect.fail('no blob');
    const chunks = reading[Symbol.asyncIterator]();
    const first = await chunks.next();
    await repository.blobs.delete(digest);
    const rest = await readAll({ [Symbol.asyncIterator]: () => chunks });
    expect(Buffer.compare(Buffer.concat([first.value as Uint8Array, rest]), bytes)).toBe(0);
  });
}
