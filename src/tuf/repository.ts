// Public entry of repository/: a TUF repository in a directory, and what changes it.

export {
  initRepository,
  type RoleChange,
  type RootProgress,
  rotateRoot,
  type SignedRoot,
  signRoot,
} from './repository/ceremony.ts';
export {
  type EarliestExpiry,
  filesForNewest,
  newestTarget,
  type RepositoryFile,
  type StreamTarget,
  targetsOf,
} from './repository/listing.ts';
export { signWaiting } from './repository/partial.ts';
export type { PublishedRole, PublishResult } from './repository/publish.ts';
export {
  defaultLifetimes,
  openRepository,
  readRoots,
  withRepositoryLock,
} from './repository/repository.ts';
export type { WaitingRole } from './repository/staged.ts';
export { type RepositoryStatus, type RoleStatus, statusOf } from './repository/status.ts';
export {
  type AddedTarget,
  addTarget,
  isUnchanged,
  refreshOnlineRoles,
  renewTargets,
  rotateStream,
} from './repository/streams.ts';
