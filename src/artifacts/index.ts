export { assertCodecs, codecVersions } from '#archive';
export type { ContentCheck } from './content-check.ts';
export { buildJsonRaw, jsonRawAdapter } from './json/build.ts';
export { checkJsonRaw, type JsonRawExpectation } from './json/check.ts';
export type { Build, BuildOptions, BuildReport, LayerDraft } from './layer.ts';
export { buildTrivyDb, type TrivyDbBuild, type TrivyDbOptions, trivyDbAdapter } from './trivy/build.ts';
export { checkTrivyDb, type TrivyDbExpectation } from './trivy/check.ts';
export type { DataSource, DataSourceRule } from './trivy/data-sources.ts';
export type { TrivyDbReport } from './trivy/intake.ts';
