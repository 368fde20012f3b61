export { directorySource, directoryState, refreshRepository } from './client.ts';
export { isTopLevelRole } from './metadata.ts';
export {
  initRepository,
  type RoleChange,
  type RootProgress,
  rotateRoot,
  type SignedRoot,
  signRoot,
} from './repository/ceremony.ts';
export type { PublishedRole } from './repository/publish.ts';
export { defaultLifetimes } from './repository/repository.ts';
export { type RepositoryStatus, type RoleStatus, statusOf } from './repository/status.ts';
export { addTarget, isUnchanged, refreshOnlineRoles, renewTargets, rotateStream } from './repository/streams.ts';
