// Public entry of trivy-merge/: an official trivy.db and own advisories as one.
export type { BucketAccount, LeftOutReason } from './trivy-merge/account.ts';
export { notMergeable } from './trivy-merge/failures.ts';
export { type MergeOptions, type MergeReport, mergeTrivyDbs, type TrivyDbMerge } from './trivy-merge/merge.ts';
export type { BaseScope } from './trivy-merge/scope.ts';
export { type DatabaseMetadata, type UnpackedDatabase, unpackDatabase } from './trivy-merge/unpack.ts';
