export { checkLayout, type LayoutFinding } from './fsck.ts';
export { collectLayoutGarbage, type LayoutGarbageReport } from './gc.ts';
export { Layout, type LayoutOptions, openLayout, openStaging } from './layout.ts';
export { type ArchiveOptions, openArchive, openDocker } from './open.ts';
