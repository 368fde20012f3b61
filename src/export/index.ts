export { type DatabaseSurvey, diffTrivyDbs, type FindingChange, surveyTrivyDb } from '#artifacts';
export { type DatabasePlace, type OpenDatabase, withDatabases } from './base.ts';
export { type Profile, type ProfileFlag, profiles, resolveProfile } from './profiles.ts';
export type { Progress, ProgressListener, Stage } from './progress.ts';
export type { Destination } from './publish.ts';
export type {
  ExportReport,
  LayerReport,
  LayerState,
  MergeSummary,
  Publication,
  RecordCounts,
  ReferrerReport,
} from './report.ts';
export type { ExportRequest } from './request.ts';
export { type RunOptions, runExport, runPlan } from './run.ts';
export type { TufListing } from './tuf-listing.ts';
export type { CheckedLayer } from './verify/contents.ts';
export type { Expectation } from './verify/expectation.ts';
export { type VerifyOptions, type VerifyReport, verifyArtifact } from './verify/verify.ts';
