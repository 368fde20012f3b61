import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import {
  constants,
  type FileHandle,
  lstat,
  lutimes,
  open,
  rename,
  rm,
  rmdir,
  stat,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FolderGuard, fileError, isSystemError, linkRefused, syncFolder, syncIfSupported, systemClock } from '#core';
import { isMissing } from './files.ts';

/** Using a file updates its time at most this often, so that frequent use causes few writes. */
const FRESH_MS = 60_000;
/** A block of most file systems: a disk without space for it is full. */
const PROBE_BYTES = 4096;

/** All writes and deletes in a store; none follows a symlink below the store's root. */
export class StoreFiles {
  readonly #guard: FolderGuard;
  readonly #tempDir: string;

  /**
   * @param root may be a symlink itself
   * @param tempDir below the root, for small files before they are renamed into place
   */
  constructor(root: string, tempDir: string) {
    this.#guard = new FolderGuard(root);
    this.#tempDir = tempDir;
  }

  /** Runs an action with the path of a directory; creates the directory and runs it again if it was missing. */
  async inFolder<T>(folder: string, action: (own: string) => Promise<T>): Promise<T> {
    try {
      return await this.#guard.within(folder, action);
    } catch (error) {
      if (!isMissing(error)) throw fileError(error, folder);
    }
    await this.makeFolder(folder);
    try {
      return await this.#guard.within(folder, action);
    } catch (error) {
      throw fileError(error, folder);
    }
  }

  /** Size and time of a file. @throws CodedError ERR_EXPORT_NOT_WRITABLE if its path contains a symlink */
  async stat(path: string): Promise<Stats> {
    return await this.#guard.at(path, (own) => lstat(own));
  }

  /** Creates a directory and its parents, durably. */
  async makeFolder(folder: string): Promise<void> {
    await this.#guard.makeFolder(folder);
  }

  /** Opens a file for reading and writing. @throws system errors; CodedError if it is a symlink */
  async open(path: string, flags: number): Promise<FileHandle> {
    try {
      return await this.#guard.at(path, (own) => open(own, flags | constants.O_NOFOLLOW, 0o644));
    } catch (error) {
      throw isSystemError(error, 'ELOOP') ? linkRefused(path) : error;
    }
  }

  /** Writes a small file atomically, and creates its parent directories. */
  async write(path: string, bytes: Uint8Array | string): Promise<void> {
    const temp = join(this.#tempDir, `.${randomBytes(9).toString('hex')}.tmp`);
    try {
      await this.inFolder(this.#tempDir, async (own) => {
        const file = await open(join(own, basename(temp)), 'wx', 0o644);
        try {
          await file.writeFile(bytes);
          await syncIfSupported(file.sync());
        } finally {
          await file.close();
        }
      });
      await this.moveInto(temp, path);
      await syncFolder(dirname(path));
    } catch (error) {
      await this.#guard.at(temp, (own) => rm(own, { force: true })).catch(() => undefined);
      throw fileError(error, path);
    }
  }

  /** Creates an empty marker file. */
  async writeMarker(path: string): Promise<void> {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND;
    await this.inFolder(dirname(path), async () => {
      const file = await this.open(path, flags);
      await file.close();
    });
    await syncFolder(dirname(path));
  }

  /** Renames a file. @throws system errors */
  async rename(from: string, to: string): Promise<void> {
    await this.#guard.rename(from, to);
  }

  /** As `rename`, creating the target's directory if needed. */
  async moveInto(from: string, to: string): Promise<void> {
    await this.#guard.at(from, (source) =>
      this.inFolder(dirname(to), (folder) => rename(source, join(folder, basename(to)))),
    );
  }

  /** Removes a file, durably. False if it did not exist. */
  async remove(path: string): Promise<boolean> {
    try {
      await this.unlink(path);
    } catch (error) {
      if (isMissing(error)) return false;
      throw fileError(error, path);
    }
    await syncFolder(dirname(path)).catch((error: unknown) => {
      if (!isMissing(error)) throw fileError(error, path);
    });
    return true;
  }

  /** Removes a file. @throws system errors */
  async unlink(path: string): Promise<void> {
    await this.#guard.at(path, (own) => unlink(own));
  }

  /** Removes a directory. False if it is not empty or does not exist. */
  async removeEmpty(folder: string): Promise<boolean> {
    return await this.#guard
      .at(folder, (own) => rmdir(own))
      .then(
        () => true,
        () => false,
      );
  }

  /** Sets a file's time to now, which protects it from garbage collection. False if it does not exist. */
  async touch(path: string): Promise<boolean> {
    const now = systemClock.now();
    try {
      await this.#guard.refuseLink(path);
      await this.#guard.at(path, (own) => lutimes(own, now, now));
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw fileError(error, path);
    }
  }

  /** Marks a file as used, as `touch` does. @returns its size in bytes; undefined if it does not exist */
  async use(path: string): Promise<number | undefined> {
    try {
      const { size, mtimeMs } = await stat(path);
      if (systemClock.now().getTime() - mtimeMs < FRESH_MS || (await this.touch(path))) return size;
      return undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw fileError(error, path);
    }
  }

  /** Tests writing with a small file. @throws CodedError with the reason if it fails */
  async checkWritable(): Promise<void> {
    const name = `.${randomBytes(9).toString('hex')}.probe`;
    await this.inFolder(this.#tempDir, async (own) => {
      try {
        await writeFile(join(own, name), Buffer.alloc(PROBE_BYTES), { flag: 'wx' });
      } finally {
        await rm(join(own, name), { force: true });
      }
    });
  }
}
