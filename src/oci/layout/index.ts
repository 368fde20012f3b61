export { openOnThread, threadBytes } from './file-io/file-read.ts';
export type { ThreadedFile } from './file-io/threaded-file.ts';
export { checkLayout, type LayoutFinding } from './fsck.ts';
export { collectLayoutGarbage, type LayoutGarbageReport } from './gc.ts';
export { Layout, type LayoutOptions, openLayout, openStaging } from './layout.ts';
export { type ArchiveOptions, openArchive, openDocker } from './open.ts';
