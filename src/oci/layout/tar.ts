// The door to tar/: where the files of a tar lie, how one is compressed, and tars of our own.
export { compressionOf, decompressed, signatureBytes } from './tar/decompress.ts';
export { indexTar, type TarOptions, type TarPlace } from './tar/tar-index.ts';
export { encodeLayoutTar, type TarFile } from './tar/tar-write.ts';
