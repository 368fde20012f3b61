import { stat } from 'node:fs/promises';
import { CodedError, fileError, type SeekableFile } from '#core';
import type { ByteStream, Repository } from '#oci/image';
import type { TarFile } from './archive/encode-layout-tar.ts';
import type { PipeEnds } from './archive/pipe.ts';
import { FolderFiles, type LayoutFiles } from './files.ts';
import type { LayoutOptions } from './layout.ts';

/** How an archive is opened. */
export interface ArchiveOptions extends LayoutOptions {
  /** What the path `-` stands for; it is an error where there is none. */
  readonly pipe?: PipeEnds | undefined;
}

/**
 * A layout in a tar: a file, or with the path `-` a pipe.
 *
 * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_LAYOUT_INVALID
 */
export async function openArchive(path: string, options: ArchiveOptions): Promise<Repository> {
  // Most runs have to do with no archive, and start the sooner without what one needs.
  if (path === '-') return (await import('./archive/pipe.ts')).openPipe(options.pipe, options);
  return (await import('./archive/archive.ts')).openLayoutArchive(path, options);
}

/**
 * What `docker save` wrote into a tar.
 *
 * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_LAYOUT_INVALID, ERR_EXPORT_UNSUPPORTED as a target
 */
export async function openDocker(path: string, options: ArchiveOptions): Promise<Repository> {
  return (await import('./docker/open.ts')).openDockerArchive(path, options);
}

/** The files of a layout, those beside it included. Close them when done. */
export interface OpenFiles extends LayoutFiles {
  close(): Promise<void>;
}

/**
 * The files below a directory or in a tar, whatever they are.
 *
 * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_ARCHIVE_INVALID, ERR_EXPORT_ARCHIVE_UNSAFE, ERR_EXPORT_USAGE for a
 *   pipe or a device
 */
export async function openFiles(path: string): Promise<OpenFiles> {
  const found = await stat(path).catch((error: unknown) => {
    throw fileError(error, path);
  });
  if (found.isDirectory()) return Object.assign(new FolderFiles(path), { close: async () => undefined });
  return openTar(path);
}

/** The files of a tar that is read through another object, and the layout in it. */
export interface SeekableTar {
  readonly files: OpenFiles;
  openLayout(): Repository;
}

/**
 * A tar that is read through another object, such as one in parts. Nothing is to be closed but that.
 *
 * @param name what the tar is called in messages
 * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID, ERR_EXPORT_ARCHIVE_UNSAFE
 */
export async function openSeekableTar(file: SeekableFile, name: string): Promise<SeekableTar> {
  const { TarFiles } = await import('./tar-files.ts');
  const { openReadOnly } = await import('./archive/archive.ts');
  const shared: SeekableFile = {
    read: (...args) => file.read(...args),
    stat: () => file.stat(),
    close: async () => undefined,
  };
  const files = await TarFiles.across(shared, name, name);
  return { files, openLayout: () => openReadOnly(files, `oci-archive:${name}`, 'a tar in parts', {}) };
}

/** The files in a tar, of which each can be read at any position. Close it when done. */
export interface OpenTar extends OpenFiles {
  paths(): Iterable<string>;
  /** Reads from a position in a file into a buffer. @returns bytes read; 0 at the end of the file */
  readAt(path: string, buffer: Uint8Array, position: number): Promise<number>;
}

/**
 * The files in a tar.
 *
 * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_ARCHIVE_INVALID, ERR_EXPORT_ARCHIVE_UNSAFE, ERR_EXPORT_USAGE for what
 *   is no file
 */
export async function openTar(path: string): Promise<OpenTar> {
  const tar = await (await import('./tar-files.ts')).TarFiles.open(path);
  if (tar !== undefined) return tar;
  throw new CodedError('ERR_EXPORT_NOT_FOUND', `${path}: no such file`, { hint: 'check the path', details: { path } });
}

/**
 * A tar of these files, the same bytes each time, as archives of layouts have it.
 *
 * @param offset how many bytes to leave out at the beginning; content of files that lie wholly in them is not read
 */
export async function* encodeLayoutTar(files: Iterable<TarFile>, offset = 0): ByteStream {
  yield* (await import('./archive/encode-layout-tar.ts')).encodeLayoutTar(files, offset);
}

/** How many bytes the tar of these files has. */
export async function layoutTarBytes(files: Iterable<TarFile>): Promise<number> {
  return (await import('./archive/encode-layout-tar.ts')).layoutTarBytes(files);
}
