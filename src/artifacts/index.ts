export type { ContentCheck } from './content-check.ts';
export { buildJsonRaw, jsonRawAdapter } from './json/build.ts';
export { checkJsonRaw, type JsonRawExpectation } from './json/check.ts';
export type { Build, BuildOptions, BuildReport, LayerDraft } from './layer.ts';
