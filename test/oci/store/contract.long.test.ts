import { readdir, readlink } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { openStore, openStoreRepository } from '#oci/store';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { noise, pushBytes } from '../content.ts';
import { storages } from './contract/storage.ts';
import { storeContract } from './contract/store.ts';

for (const [name, setUp] of storages) storeContract(name, setUp);

test('fetch: a stream that nobody reads, and one that is left, hold no file open', async () => {
  const root = await makeTempDir();
  const repository = openStoreRepository(await openStore(root, { tenant: 'default' }), 'a');
  const blob = await pushBytes(repository, noise(1_000_000));
  await repository.fetch(blob);
  for await (const _ of await repository.fetch(blob)) break;
  const links = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  );
  expect(links.filter((path) => path.startsWith(root))).toEqual([]);
});
