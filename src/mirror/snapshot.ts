// Public entry of snapshot/: the state of a mirror, taken, signed and published.

export { contentsOf, type MirrorContent } from './snapshot/contents.ts';
export {
  type MirrorSnapshot,
  parseMirrorSnapshot,
  type Repository as RepositoryState,
} from './snapshot/mirror-snapshot.generated.ts';
export {
  maxSnapshotBytes,
  type PublishedSnapshot,
  publishSnapshot,
  readNewest,
  readSnapshot,
  type SnapshotSigning,
  snapshotLayer,
  snapshotTag,
} from './snapshot/publish.ts';
export { resolveRepositories } from './snapshot/repositories.ts';
export { type SnapshotPorts, type TakenSnapshot, takeSnapshot } from './snapshot/take.ts';
export { walkRepository } from './snapshot/walk.ts';
