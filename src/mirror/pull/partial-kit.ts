import { constants, type FileHandle, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Digest, fileError, hexOf, isSystemError, requireFilePlace, syncFolder, syncIfSupported } from '#core';

/** The tar of a kit while it is fetched: `FILE.HEX.partial`, whose name says of which kit it is. */
export class PartialKit {
  readonly path: string;
  readonly #target: string;
  readonly #file: FileHandle;
  #size: number;

  private constructor(path: string, target: string, file: FileHandle, size: number) {
    this.path = path;
    this.#target = target;
    this.#file = file;
    this.#size = size;
  }

  /**
   * Opens what an earlier run has left of this kit, or begins it. What is left of other kits for the same file is
   * deleted: the server has another kit by now.
   *
   * @param sizeBytes of the whole kit; a longer file is begun anew
   * @throws CodedError ERR_EXPORT_NOT_WRITABLE, also where a link or a pipe is in its place
   */
  static async open(target: string, kit: Digest, sizeBytes: number): Promise<PartialKit> {
    const path = `${target}.${hexOf(kit)}.partial`;
    await deleteOthers(target, basename(path));
    await requireFilePlace(path);
    try {
      const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o666);
      try {
        const { size } = await file.stat();
        const partial = new PartialKit(path, target, file, size);
        if (size > sizeBytes) await partial.restart();
        return partial;
      } catch (error) {
        await file.close();
        throw error;
      }
    } catch (error) {
      throw fileError(error, path);
    }
  }

  /** Bytes that it has. */
  get size(): number {
    return this.#size;
  }

  /** Appends. @throws CodedError ERR_EXPORT_DISK_FULL, ERR_EXPORT_IO */
  async append(chunk: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < chunk.byteLength; ) {
        const { bytesWritten } = await this.#file.write(chunk, done, chunk.byteLength - done, this.#size);
        done += bytesWritten;
        this.#size += bytesWritten;
      }
    } catch (error) {
      throw fileError(error, this.path);
    }
  }

  /** Drops what it has. */
  async restart(): Promise<void> {
    try {
      await this.#file.truncate(0);
    } catch (error) {
      throw fileError(error, this.path);
    }
    this.#size = 0;
  }

  /** Gives it its name, once it is on the disk. */
  async complete(): Promise<void> {
    try {
      await syncIfSupported(this.#file.sync());
      await rename(this.path, this.#target);
      await syncFolder(dirname(this.#target));
    } catch (error) {
      throw fileError(error, this.#target);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

async function deleteOthers(target: string, own: string): Promise<void> {
  const folder = dirname(target);
  const prefix = `${basename(target)}.`;
  try {
    for (const name of await readdir(folder)) {
      const isPartial = name.startsWith(prefix) && /^[0-9a-f]{64}\.partial$/.test(name.slice(prefix.length));
      if (isPartial && name !== own) await rm(join(folder, name), { force: true });
    }
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw fileError(error, folder);
  }
}
