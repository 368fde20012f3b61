import { beforeEach } from 'vitest';
import { openStore, type RegistryStore } from '#oci/store';
import { MemoryStorage } from '../../../../src/oci/store/memory/store.ts';
import { makeTempDir } from '../../../fixtures/temp-dir.ts';

/** Registry stores of one implementation, empty at the beginning of each test. */
export interface StorageFixture {
  readonly name: string;
  /** The store of a tenant, `default` unless told; opened again, as another process would see it. */
  open(tenant?: string): Promise<RegistryStore>;
}

/** All implementations of RegistryStore. */
export const storages: readonly (readonly [string, () => Promise<StorageFixture>])[] = [
  ['disk', diskStorage],
  ['memory', memoryStorage],
];

/** Stores in a folder of their own. */
export async function diskStorage(): Promise<StorageFixture> {
  const root = await makeTempDir();
  return {
    name: 'disk',
    open: async (tenant = 'default') => await openStore(root, { tenant }),
  };
}

/** Stores in memory. */
export async function memoryStorage(): Promise<StorageFixture> {
  const storage = new MemoryStorage();
  return {
    name: 'memory',
    open: async (tenant = 'default') => storage.open(tenant),
  };
}

/** Opens stores of a storage that is fresh for each test of the group that this is called in. */
export function opening(setUp: () => Promise<StorageFixture>): StorageFixture['open'] {
  let storage: StorageFixture;
  beforeEach(async () => {
    storage = await setUp();
  });
  return async (tenant) => await storage.open(tenant);
}
