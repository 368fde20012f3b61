export type { TarFile } from './archive/encode-layout-tar.ts';
export { openOnThread, threadBytes } from './file-io/file-read.ts';
export type { ThreadedFile } from './file-io/threaded-file.ts';
export { blobPath, type LayoutFiles } from './files.ts';
export { checkLayout, type LayoutFinding } from './fsck.ts';
export { collectLayoutGarbage, type LayoutGarbageReport } from './gc.ts';
export { layoutMarker } from './index-source.ts';
export { Layout, type LayoutOptions, openLayout, openStaging } from './layout.ts';
export {
  type ArchiveOptions,
  encodeLayoutTar,
  layoutTarBytes,
  type OpenFiles,
  type OpenTar,
  openArchive,
  openDocker,
  openFiles,
  openSeekableTar,
  openTar,
} from './open.ts';
