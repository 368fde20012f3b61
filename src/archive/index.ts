export { decodeGzip } from './gzip-decode.ts';
export { type ArchiveLimits, defaultLimits } from './limits.ts';
export { openArchive } from './open.ts';
export type { ArchiveEntry, ArchiveFormat, ArchiveReader } from './reader.ts';
export { decodeZstd } from './zstd-decode.ts';
