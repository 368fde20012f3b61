export type { BlobFile } from './disk/blob-file.ts';
export { type CheckOptions, checkStore, type StoreFinding } from './disk/fsck.ts';
export { collectGarbage, type GarbageOptions, type GarbageReport } from './disk/gc.ts';
export { openStore, type Store, type StoredRepository, type StoreOptions } from './disk/store.ts';
export { openStoreRepository } from './disk/store-repository.ts';
export type { AppendOptions, AppendResult } from './disk/uploads.ts';
