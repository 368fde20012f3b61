// Public entry of trivy-merge/: an official trivy.db and own advisories as one.
export { type BucketAccount, hasAdvisories } from './trivy-merge/account.ts';
export { AdvisoryCursor, type AdvisoryRow } from './trivy-merge/cursor.ts';
export {
  checkIsTrivyDb,
  entriesOfRoot,
  maxSourceBytes,
  readDatabase,
  type TrivyDatabase,
} from './trivy-merge/database.ts';
export { notMergeable } from './trivy-merge/failures.ts';
export { IdTable } from './trivy-merge/id-table.ts';
export { type MergeReport, mergeTrivyDbs } from './trivy-merge/merge.ts';
export { ecosystemOfRoot, kindOf, rootNames, textOfName } from './trivy-merge/names.ts';
export { compareAdvisories } from './trivy-merge/order.ts';
export { datesOf, highest, objectFrom } from './trivy-merge/ratings.ts';
export type { BaseScope } from './trivy-merge/scope.ts';
export { ecosystemsNotIn } from './trivy-merge/scope-names.ts';
