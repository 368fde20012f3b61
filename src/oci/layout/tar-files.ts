import { type FileHandle, open, stat } from 'node:fs/promises';
import { CodedError, fileError, isSystemError } from '#core';
import type { ByteRange, ByteStream } from '../ports.ts';
import { indexTar, type TarPlace } from '../tar.ts';
import { type LayoutFiles, readError, readFileRange } from './files.ts';

/** The files in a tar. Close it when done. */
export class TarFiles implements LayoutFiles {
  /** Differs for each state of the file. */
  readonly stamp: string;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #places: ReadonlyMap<string, TarPlace>;

  private constructor(path: string, file: FileHandle, stamp: string, places: ReadonlyMap<string, TarPlace>) {
    this.#path = path;
    this.#file = file;
    this.stamp = stamp;
    this.#places = places;
  }

  /**
   * @returns undefined when there is no such file
   * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID, ERR_EXPORT_ARCHIVE_UNSAFE, ERR_EXPORT_USAGE for what is no file
   */
  static async open(path: string): Promise<TarFiles | undefined> {
    let file: FileHandle;
    try {
      // To open a pipe waits for whoever writes into it, and no signal ends that.
      if (!(await stat(path)).isFile()) throw noFile(path);
      file = await open(path, 'r');
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return undefined;
      throw readError(error, path);
    }
    try {
      return await TarFiles.over(file, path);
    } catch (error) {
      await file.close();
      throw fileError(error, path);
    }
  }

  /** The files in a tar that is open already. */
  static async over(file: FileHandle, path: string): Promise<TarFiles> {
    const { ino, size, mtimeNs } = await file.stat({ bigint: true });
    return new TarFiles(path, file, `${ino}:${size}:${mtimeNs}`, await indexTar(file, path));
  }

  paths(): Iterable<string> {
    return this.#places.keys();
  }

  async hasBlobs(): Promise<boolean> {
    return this.#places.keys().some((path) => path.startsWith('blobs/'));
  }

  async version(path: string): Promise<string | undefined> {
    return this.#places.has(path) ? this.stamp : undefined;
  }

  async sizeOf(path: string): Promise<number | undefined> {
    return this.#places.get(path)?.size;
  }

  async *read(path: string, range?: ByteRange, lend?: boolean): ByteStream {
    const place = this.#places.get(path);
    if (place === undefined) return;
    const { start, end } = range ?? { start: 0, end: place.size - 1 };
    try {
      yield* readFileRange(this.#file.fd, { start: place.offset + start, end: place.offset + end }, lend);
    } catch (error) {
      throw fileError(error, this.#path);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** The error for a pipe, a device or a folder in place of an archive. */
export function noFile(path: string): CodedError {
  return new CodedError('ERR_EXPORT_USAGE', `${path}: not a regular file, as an archive has to be`, {
    hint: 'name a file; to read from or write into a pipe, say oci-archive:-',
    details: { path },
  });
}
