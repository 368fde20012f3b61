import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Descriptor } from '#core';
import type { Repository } from '#oci/image';
import { checkStore, type DiskStore, openStore, openStoreRepository, type StoreFinding } from '#oci/store';
import { listAll, pushArtifact } from '../content.ts';

/** A store with a tagged image, its signature and the signature of that, all in `a`; and ways to look after it. */
export async function openUsedStore(root: string): Promise<{ store: DiskStore; a: Repository; image: Descriptor }> {
  const store = await openStore(root, { tenant: 'default' });
  const a = openStoreRepository(store, 'a');
  const image = await pushArtifact(a, 'image');
  await a.tag(image, 'v1');
  const signature = await pushArtifact(a, 'signature', { subject: image });
  await pushArtifact(a, 'signature of the signature', { subject: signature });
  return { store, a, image };
}

/** The store of a server over a data folder, to be looked after from beside the server. */
export async function openServed(dataDir: string): Promise<DiskStore> {
  return await openStore(join(dataDir, 'registry'), { tenant: 'default', readOnly: true });
}

/** Makes every file of a store seem to have been used last so many seconds ago. */
export async function age(store: DiskStore, seconds: number): Promise<void> {
  const time = new Date(Date.now() - seconds * 1000);
  for (const entry of await readdir(store.paths.root, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) await utimes(join(entry.parentPath, entry.name), time, time).catch(() => undefined);
  }
}

/** All findings in a store, but those of what is merely unreachable. */
export async function faults(store: DiskStore): Promise<StoreFinding[]> {
  return (await listAll(checkStore(store))).filter(({ kind }) => kind !== 'unreachable');
}
