export { directorySource, directoryState, refreshRepository, type TufSource } from './client.ts';
export { isTopLevelRole } from './metadata.ts';
export {
  attachArtifact,
  type Checkout,
  openArtifactSource,
  type PublishedArtifact,
  publishArtifact,
  readPublication,
  type TufPublication,
  withCheckout,
} from './oci.ts';
export {
  type AddedTarget,
  addTarget,
  defaultLifetimes,
  initRepository,
  isUnchanged,
  type PublishedRole,
  type PublishResult,
  type RepositoryStatus,
  type RoleChange,
  type RoleStatus,
  type RootProgress,
  refreshOnlineRoles,
  renewTargets,
  rotateRoot,
  rotateStream,
  type SignedRoot,
  signRoot,
  signWaiting,
  statusOf,
  type WaitingRole,
} from './repository.ts';
