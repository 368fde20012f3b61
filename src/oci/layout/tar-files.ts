import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { compressionOf, findTarFiles, signatureBytes, type TarPlace, type TarPlacesOptions } from '#archive';
import {
  CodedError,
  fileError,
  isSystemError,
  makeTempFolder,
  readPart,
  type SeekableFile,
  tempFileError,
} from '#core';
import type { ByteRange, ByteStream } from '#oci/image';
import { type ReadInto, readError, readFileRange } from './file-io/file-read.ts';
import type { LayoutFiles } from './files.ts';

/** The files in a tar. Close it when done. */
export class TarFiles implements LayoutFiles {
  /** Differs for each state of the file. */
  readonly stamp: string;
  readonly #path: string;
  readonly #file: SeekableFile;
  /** Of the file, where it is one of the system's. */
  readonly #descriptor: number | undefined;
  readonly #places: ReadonlyMap<string, TarPlace>;

  private constructor(
    path: string,
    file: SeekableFile & { readonly fd?: number },
    stamp: string,
    places: ReadonlyMap<string, TarPlace>,
  ) {
    this.#path = path;
    this.#file = file;
    this.#descriptor = file.fd;
    this.stamp = stamp;
    this.#places = places;
  }

  /**
   * @returns undefined when there is no such file
   * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID, ERR_EXPORT_ARCHIVE_UNSAFE, ERR_EXPORT_USAGE for what is no file
   */
  static async open(path: string, options?: TarPlacesOptions): Promise<TarFiles | undefined> {
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
      return await TarFiles.#over(file, path, options);
    } catch (error) {
      await file.close();
      throw fileError(error, path);
    }
  }

  /**
   * The files in a tar that comes as a stream, which cannot be read twice nor from the middle: it goes into a file that
   * has no name any more.
   *
   * @param name what the stream is called in messages
   */
  static async spooled(stream: ByteStream, name: string, options?: TarPlacesOptions): Promise<TarFiles> {
    const folder = await makeTempFolder('export-center-pipe-');
    const path = join(folder, 'layout.tar');
    let file: FileHandle | undefined;
    try {
      file = await open(path, 'w+', 0o600);
      await rm(folder, { recursive: true, force: true });
      for await (const chunk of stream) await file.writeFile(chunk);
      return await TarFiles.#over(file, name, options);
    } catch (error) {
      await file?.close();
      await rm(folder, { recursive: true, force: true });
      throw tempFileError(error, folder);
    }
  }

  static async #over(file: FileHandle, path: string, options?: TarPlacesOptions): Promise<TarFiles> {
    const { ino, size, mtimeNs } = await file.stat({ bigint: true });
    return new TarFiles(path, file, `${ino}:${size}:${mtimeNs}`, await findTarFiles(file, path, options));
  }

  /** The files in a tar that is read through another object. @param name what the tar is called in messages */
  static async across(file: SeekableFile, name: string, stamp: string): Promise<TarFiles> {
    return new TarFiles(name, file, stamp, await findTarFiles(file, name));
  }

  paths(): Iterable<string> {
    return this.#places.keys();
  }

  async blobPaths(): Promise<readonly string[]> {
    return [...this.#places.keys()].filter((path) => path.startsWith('blobs/'));
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

  async *read(path: string, range?: ByteRange, reuseBuffer?: boolean): ByteStream {
    const place = this.#places.get(path);
    if (place === undefined) return;
    const { start, end } = range ?? { start: 0, end: place.size - 1 };
    const inTar = { start: place.offset + start, end: place.offset + end };
    try {
      if (this.#descriptor !== undefined) yield* readFileRange(this.#descriptor, inTar, reuseBuffer);
      else yield* readFileRange(-1, inTar, reuseBuffer, this.#readInto);
    } catch (error) {
      throw fileError(error, this.#path);
    }
  }

  readonly #readInto: ReadInto = async (_, buffer, position) =>
    (await this.#file.read(buffer, 0, buffer.byteLength, position)).bytesRead;

  /** Reads from a position in a file into a buffer. @returns bytes read; 0 at the end of the file */
  async readAt(path: string, buffer: Uint8Array, position: number): Promise<number> {
    const place = this.#places.get(path);
    const length = Math.min(buffer.byteLength, (place?.size ?? 0) - position);
    if (place === undefined || length <= 0) return 0;
    return (await this.#file.read(buffer, 0, length, place.offset + position)).bytesRead;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** Whether a regular file is compressed; what is no such file is for others to refuse. */
export async function isCompressedFile(path: string): Promise<boolean> {
  let file: FileHandle;
  try {
    if (!(await stat(path)).isFile()) return false;
    file = await open(path, 'r');
  } catch {
    return false;
  }
  try {
    return compressionOf(await readPart(file, signatureBytes, 0)) !== undefined;
  } finally {
    await file.close();
  }
}

/** The error for a pipe, a device or a folder in place of an archive. */
export function noFile(path: string): CodedError {
  return new CodedError('ERR_EXPORT_USAGE', `${path}: not a regular file`, {
    hint: 'specify a file; to use a pipe, specify oci-archive:-',
    details: { path },
  });
}
