export { type CheckOptions, checkStore, type StoreFinding } from './disk/fsck.ts';
export { collectGarbage, type GarbageOptions, type GarbageReport } from './disk/gc.ts';
export { type DiskRepository, type DiskStore, openStore, type StoreOptions } from './disk/store.ts';
export type {
  AppendOptions,
  AppendResult,
  RegistryStore,
  SendMemory,
  StoredBlob,
  StoredRepository,
} from './registry-store.ts';
export { openStoreRepository } from './store-repository.ts';
