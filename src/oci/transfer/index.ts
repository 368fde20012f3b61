export {
  type CopiedReferrer,
  type CopyOptions,
  type CopyReport,
  copy,
  type Excluded,
  type Incomplete,
} from './copy/copy.ts';
export type { CopyFailure } from './copy/copy-failure.ts';
export { verifyContents, verifyCopy } from './copy/fidelity.ts';
export { formatPlatform, type Platform, parsePlatform, selectPlatform } from './copy/platform.ts';
export { type CopyRoots, listRoots, listUnattached, nameTags } from './copy/roots.ts';
export type { CopyTag, TagConflict } from './copy/tags.ts';
export type { CopyProgress } from './copy/transfer.ts';
export { discover, type ReferrerTree } from './discover.ts';
export { type OpenOptions, openRepository } from './open.ts';
export { type PulledFile, type PullOptions, pullFiles } from './pull/pull.ts';
