// Public entry of trivy-merge/: an official trivy.db and own advisories as one.
export type { BucketAccount, LeftOutReason } from './trivy-merge/account.ts';
export { type MergeOptions, type MergeReport, mergeTrivyDbs, type TrivyDbMerge } from './trivy-merge/merge.ts';
