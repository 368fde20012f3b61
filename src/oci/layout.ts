// The door to layout/ for folders that read other things as layouts.
export { blobPath, type LayoutFiles } from './layout/files.ts';
export { encodeLayoutIndex } from './layout/index-file.ts';
export { IndexSource, indexPath, isLayout, layoutMarker } from './layout/index-source.ts';
export { LayoutReader, ReadOnlyRepository, readOnly } from './layout/reader.ts';
export { isCompressedFile, TarFiles } from './layout/tar-files.ts';
