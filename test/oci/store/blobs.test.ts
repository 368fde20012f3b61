import { rm, truncate } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Digest } from '#core';
import { openStore, type StoredRepository } from '#oci/store';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describe, noise, readAll } from '../content.ts';
import { streamOf } from './stream-of.ts';

const bytes = noise(700_000);
const { digest } = describe(bytes);

async function push({ uploads }: StoredRepository, content = bytes): Promise<Digest> {
  const { digest: pushed } = describe(content);
  await uploads.put(pushed, streamOf(content, 100_000));
  return pushed;
}

test('sending: in order, with memory that is used again, and closed when the receiver fails', async () => {
  const store = await openStore(await makeTempDir(), { tenant: 'default' });
  const repository = store.repository('a');
  const large = noise(3_000_000);
  const sent = await push(repository, large);
  const open = async () => (await repository.blobs.open(sent)) ?? expect.fail('no blob');
  for (const [start, end] of [
    [0, 2_999_999],
    [1, 1],
    [262_000, 2_500_000],
  ] as const) {
    const pieces: Uint8Array[] = [];
    const memory = new Set<ArrayBufferLike>();
    await (await open()).send({ start, end }, async (piece) => {
      memory.add(piece.buffer);
      await delay(1);
      pieces.push(Buffer.from(piece));
    });
    expect(Buffer.compare(Buffer.concat(pieces), large.subarray(start, end + 1))).toBe(0);
    expect(memory.size).toBeLessThanOrEqual(3);
  }
  let count = 0;
  const failing = (await open()).send({ start: 0, end: 2_999_999 }, async () => {
    if (++count === 2) throw new Error('gone');
  });
  await expect(failing).rejects.toThrow('gone');
  expect(count).toBeLessThan(8);
});

test('a blob that is being read survives its deletion', async () => {
  const store = await openStore(await makeTempDir(), { tenant: 'default' });
  const repository = store.repository('a');
  await push(repository);
  const reading = (await repository.blobs.open(digest))?.read() ?? expect.fail('no blob');
  const first = await reading.next();
  await repository.blobs.delete(digest);
  await rm(store.paths.blob(digest));
  const rest = await readAll(reading);
  expect(Buffer.compare(Buffer.concat([first.value as Uint8Array, rest]), bytes)).toBe(0);
});

test('a blob whose bytes are lost is not there, one that shrinks is an error, and a push heals both', async () => {
  const store = await openStore(await makeTempDir(), { tenant: 'default' });
  const repository = store.repository('a');
  await push(repository);
  const open = (await repository.blobs.open(digest)) ?? expect.fail('no blob');
  await truncate(store.paths.blob(digest), 300_000);
  await expect(readAll(open.read())).rejects.toMatchObject({ code: 'ERR_EXPORT_STORE_INVALID' });
  await push(repository);
  expect(Buffer.compare(await readAll((await repository.blobs.open(digest))?.read() ?? expect.fail()), bytes)).toBe(0);
  await rm(store.paths.blob(digest));
  expect(await repository.blobs.size(digest)).toBeUndefined();
  expect(await repository.blobs.open(digest)).toBeUndefined();
  await push(repository);
  expect(await repository.blobs.size(digest)).toBe(700_000);
});
