export { assertCodecs, codecVersions } from './codec-check.ts';
export { decodeGzip } from './gzip-decode.ts';
export { encodeGzip } from './gzip-encode.ts';
export { type ArchiveLimits, defaultLimits } from './limits.ts';
export { openArchive } from './open.ts';
export type { ArchiveEntry, ArchiveFormat, ArchiveReader } from './reader.ts';
export { encodeTar, type TarEntry, type TarOptions } from './tar/encode.ts';
export { decodeZstd } from './zstd-decode.ts';
export { encodeZstd, type ZstdOptions } from './zstd-encode.ts';
