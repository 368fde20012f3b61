// Public entry of trivy-inspect/: what is in a trivy.db, and what changes from one to another.
export { diffTrivyDbs, type FindingChange } from './trivy-inspect/diff.ts';
export { type DatabaseSurvey, surveyTrivyDb } from './trivy-inspect/survey.ts';
export {
  assertDatabase,
  type DatabaseMetadata,
  databaseTooLarge,
  maxDatabaseBytes,
  type UnpackedDatabase,
  unpackDatabase,
} from './trivy-inspect/unpack.ts';
