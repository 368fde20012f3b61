// The door to tar/: where the files of a tar lie, and tars of our own.
export { indexTar, type TarPlace } from './tar/tar-index.ts';
export { encodeLayoutTar, type TarFile } from './tar/tar-write.ts';
