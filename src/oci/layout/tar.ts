// Where the files of a tar are, and tars that are written here.
export { indexTar, type TarOptions, type TarPlace } from './tar/tar-index.ts';
export { encodeLayoutTar, type TarFile } from './tar/tar-write.ts';
