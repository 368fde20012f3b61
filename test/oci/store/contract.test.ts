import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openStore, openStoreRepository } from '#oci/store';
import { noise, pushBytes } from '../content.ts';
import { repositoryContract } from '../contract.ts';
import { tempFolders } from './temp.ts';

repositoryContract('registry store', async () => {
  const root = await mkdtemp(join(tmpdir(), 'store-contract-'));
  const open = async () => openStoreRepository(await openStore(root, { tenant: 'default' }), 'a/b');
  return {
    repository: await open(),
    reopen: open,
    dispose: async () => await rm(root, { recursive: true, force: true }),
  };
});

const tempFolder = tempFolders();

test('push: a blob of another repository is mounted, and its bytes are not read', async () => {
  const store = await openStore(await tempFolder(), { tenant: 'default' });
  const source = openStoreRepository(store, 'source');
  const target = openStoreRepository(store, 'target');
  const blob = await pushBytes(source, noise(1000));
  const reader = () => {
    throw new Error('read');
  };
  expect(await target.exists(blob)).toBe(false);
  expect(await target.push(blob, reader, { mountFrom: 'source' })).toBe('mounted');
  expect(await target.exists(blob)).toBe(true);
  await expect(target.push({ ...blob, size: 5 }, reader, { mountFrom: 'nowhere' })).rejects.toThrow('read');
});

test('fetch: a stream that nobody reads, and one that is left, hold no file open', async () => {
  const root = await tempFolder();
  const repository = openStoreRepository(await openStore(root, { tenant: 'default' }), 'a');
  const blob = await pushBytes(repository, noise(1_000_000));
  await repository.fetch(blob);
  for await (const _ of await repository.fetch(blob)) break;
  const links = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  );
  expect(links.filter((path) => path.startsWith(root))).toEqual([]);
});
