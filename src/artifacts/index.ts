export type { ContentCheck } from './content-check.ts';
export type { Build, BuildOptions, BuildReport, LayerDraft } from './layer.ts';
