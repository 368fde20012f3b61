import { expect, describe as group, test } from 'vitest';
import { openStoreRepository } from '#oci/store';
import { noise, pushBytes } from '../../content.ts';
import { repositoryContract } from '../../contract.ts';
import { blobContract } from './blobs.ts';
import { manifestContract } from './manifests.ts';
import { opening, type StorageFixture } from './storage.ts';
import { uploadContract } from './uploads.ts';

/** Every registry store, wherever it keeps its bytes, keeps these promises (src/oci/store/registry-store.ts). */
export function storeContract(name: string, setUp: () => Promise<StorageFixture>): void {
  repositoryContract(`${name}: registry store as a repository`, async () => {
    const storage = await setUp();
    const open = async () => openStoreRepository(await storage.open(), 'a/b');
    return { repository: await open(), reopen: open, dispose: async () => undefined };
  });
  group(`${name}: registry store`, () => {
    listingContract(setUp);
    blobContract(setUp);
    uploadContract(setUp);
    manifestContract(setUp);
  });
}

function listingContract(setUp: () => Promise<StorageFixture>): void {
  const open = opening(setUp);

  test('an empty store can be read and written, and lists nothing', async () => {
    const store = await open();
    expect(store.tenant).toBe('default');
    expect(await store.isReadable()).toBe(true);
    await store.checkWritable();
    expect(await store.listRepositories({ limit: 5 })).toEqual({ items: [], more: false });
  });

  test('repositories are listed in byte order, page by page; one that nothing was pushed to is none', async () => {
    const store = await open();
    const names = ['a', 'a-b', 'a/b', 'a/b/c', 'b'];
    for (const name of names) await pushBytes(openStoreRepository(store, name), noise(10));
    await store.repository('begun').uploads.start();
    expect(await store.repository('begun').exists()).toBe(false);
    expect(await store.listRepositories({ limit: 5 })).toEqual({ items: names, more: false });
    expect(await store.listRepositories({ limit: 2 })).toEqual({ items: ['a', 'a-b'], more: true });
    expect(await store.listRepositories({ limit: 2, after: 'a-b' })).toEqual({ items: ['a/b', 'a/b/c'], more: true });
    expect(await store.listRepositories({ limit: 2, after: 'a/b/c' })).toEqual({ items: ['b'], more: false });
    expect(await store.listRepositories({ limit: 0 })).toEqual({ items: [], more: false });
  });

  test('no tenant sees what another has', async () => {
    const [mine, other] = [await open('mine'), await open('other')];
    const blob = await pushBytes(openStoreRepository(other, 'a'), noise(10));
    expect(await mine.listRepositories({ limit: 5 })).toEqual({ items: [], more: false });
    expect(await mine.repository('a').exists()).toBe(false);
    expect(await mine.repository('a').blobs.size(blob.digest)).toBeUndefined();
    expect(await (await open('other')).repository('a').blobs.size(blob.digest)).toBe(10);
  });

  test('push: a blob of another repository is mounted, and its bytes are not read', async () => {
    const store = await open();
    const [source, target] = [openStoreRepository(store, 'source'), openStoreRepository(store, 'target')];
    const blob = await pushBytes(source, noise(1000));
    const reader = () => {
      throw new Error('read');
    };
    expect(await target.exists(blob)).toBe(false);
    expect(await target.push(blob, reader, { mountFrom: 'source' })).toBe('mounted');
    expect(await target.exists(blob)).toBe(true);
    await expect(target.push({ ...blob, size: 5 }, reader, { mountFrom: 'nowhere' })).rejects.toThrow('read');
  });
}
