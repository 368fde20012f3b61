// Public entry of forms/: how the manifests of a bundle follow from its export.json.
export { contentsOnlyForm, exportManifestAnnotation } from './forms/contents-only.ts';
export type { BundleForm } from './forms/form.ts';
export { checksumsPath, exportManifestPath } from './forms/own-files.ts';
export { selfDescribingForm } from './forms/self-describing.ts';
