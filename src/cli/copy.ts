// Public entry of copy/: what a copy begins at, and how its result is told.
export { type CopyResult, copyAsJson, copyAsText, failureOf, type ReadBack } from './copy/report.ts';
export { type CopyRootList, rootsOf, type Selection, selectionOf } from './copy/roots.ts';
