export { assertCodecs, codecVersions } from '#archive';
export type { ContentCheck } from './content-check.ts';
export { buildJsonRaw, jsonRawAdapter } from './json/build.ts';
export { checkJsonRaw, type JsonRawExpectation } from './json/check.ts';
export type { BaseMerge, Build, BuildOptions, BuildReport, LayerDraft } from './layer.ts';
export { type Loss, LossDigest, type LossEntry, type LossScope, maxListed, recordsLeftOut } from './losses.ts';
export { trivyDbFormats } from './trivy/advisory-mapper.ts';
export { buildTrivyDb, type TrivyDbBase, type TrivyDbOptions, trivyDbAdapter } from './trivy/build.ts';
export { checkTrivyDb, type TrivyDbExpectation } from './trivy/check.ts';
export type { DataSource, DataSourceRule } from './trivy/data-sources.ts';
export {
  assertDatabase,
  type DatabaseMetadata,
  type DatabaseSurvey,
  databaseTooLarge,
  diffTrivyDbs,
  type FindingChange,
  maxDatabaseBytes,
  surveyTrivyDb,
  type UnpackedDatabase,
  unpackDatabase,
} from './trivy-inspect.ts';
export { type BaseScope, type BucketAccount, ecosystemsNotIn, hasAdvisories } from './trivy-merge.ts';
