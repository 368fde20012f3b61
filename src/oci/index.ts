export type { Credential } from './auth.ts';
export {
  bareDescriptor,
  collect,
  contentOf,
  describeBytes,
  fetchBytes,
  inlineData,
  maxManifestBytes,
} from './content.ts';
export {
  type CopiedReferrer,
  type CopyOptions,
  type CopyReport,
  copy,
  type Excluded,
  type Incomplete,
} from './copy/copy.ts';
export { checkFidelity, verifyContents } from './copy/fidelity.ts';
export { formatPlatform, type Platform, parsePlatform, selectPlatform } from './copy/platform.ts';
export { type CopyRoots, listRoots, listUnattached, nameTags } from './copy/roots.ts';
export type { Shortfall } from './copy/shortfall.ts';
export type { CopyTag, TagConflict } from './copy/tags.ts';
export type { CopyProgress } from './copy/transfer.ts';
export { discover, type ReferrerTree } from './discover.ts';
export { checkLayout, type LayoutFinding } from './layout/fsck.ts';
export { collectLayoutGarbage, type LayoutGarbageReport } from './layout/gc.ts';
export { Layout, type LayoutOptions, openLayout, openStaging } from './layout/layout.ts';
export {
  artifactTypeOf,
  detectManifestType,
  type ImageIndex,
  type ImageManifest,
  layersOf,
  type Manifest,
  parseDescriptor,
  parseManifest,
  referrerDescriptor,
  successorsOf,
} from './manifest.ts';
export { type OpenOptions, openRepository } from './open.ts';
export { isAlive, ownerIn, thisOwner } from './owner.ts';
export {
  emptyConfig,
  emptyDescriptor,
  encodeDescriptor,
  type IndexParts,
  type ManifestParts,
  type PackedManifest,
  packIndex,
  packManifest,
} from './pack.ts';
export type {
  ByteRange,
  ByteStream,
  ContentReader,
  FetchOptions,
  ListedTag,
  OperationOptions,
  PushOptions,
  PushOutcome,
  ReferrerFilter,
  Repository,
  TagOptions,
} from './ports.ts';
export { type PulledFile, type PullOptions, pullFiles } from './pull/pull.ts';
export {
  formatReference,
  isLoopbackHost,
  isRepositoryName,
  isTag,
  type LayoutReference,
  nameOf,
  parseReference,
  type Reference,
  type RegistryReference,
  tagOf,
} from './reference.ts';
export type { BlobFile } from './store/blob-file.ts';
export { type CheckOptions, checkStore, type StoreFinding } from './store/fsck.ts';
export { collectGarbage, type GarbageOptions, type GarbageReport } from './store/gc.ts';
export { openStore, type Store, type StoredRepository, type StoreOptions } from './store/store.ts';
export { openStoreRepository } from './store/store-repository.ts';
export type { AppendOptions, AppendResult } from './store/uploads.ts';
export { verifyBytes, verifyStream } from './verify-stream.ts';
