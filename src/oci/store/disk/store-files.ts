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
import { FolderGuard, fileError, isSystemError, linkRefused, syncFolder, systemClock } from '#core';
import { isMissing } from './files.ts';

/** A file used within this time counts as just used, so that using it often costs no writes. */
const FRESH_MS = 60_000;
/** A block of most file systems: a disk without room for it is full. */
const PROBE_BYTES = 4096;

/** All that is written and deleted in a store; nothing of it goes through a link below the store's root. */
export class StoreFiles {
  readonly #guard: FolderGuard;
  readonly #tempDir: string;

  /**
   * @param root may be a link itself
   * @param tempDir below the root: where small files are before they are renamed into place
   */
  constructor(root: string, tempDir: string) {
    this.#guard = new FolderGuard(root);
    this.#tempDir = tempDir;
  }

  /** Runs an action in a folder, which it gets a path to; makes the folder and runs it again when it was missing. */
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

  /** Size and time of a file. @throws CodedError ERR_EXPORT_NOT_WRITABLE where a link is on the way to it */
  async stat(path: string): Promise<Stats> {
    return await this.#guard.at(path, (own) => lstat(own));
  }

  /** Makes a folder and those above it, durably. */
  async makeFolder(folder: string): Promise<void> {
    await this.#guard.makeFolder(folder);
  }

  /** Opens a file to be read and written. @throws the system's own errors; CodedError where it is a link */
  async open(path: string, flags: number): Promise<FileHandle> {
    try {
      return await this.#guard.at(path, (own) => open(own, flags | constants.O_NOFOLLOW, 0o644));
    } catch (error) {
      throw isSystemError(error, 'ELOOP') ? linkRefused(path) : error;
    }
  }

  /** Puts a small file in place, whole or not at all, and the folders above it. */
  async write(path: string, bytes: Uint8Array | string): Promise<void> {
    const temp = join(this.#tempDir, `.${randomBytes(9).toString('hex')}.tmp`);
    try {
      await this.inFolder(this.#tempDir, async (own) => {
        const file = await open(join(own, basename(temp)), 'wx', 0o644);
        try {
          await file.writeFile(bytes);
          await file.sync();
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

  /** Makes an empty file whose being there is all that it says. */
  async writeMark(path: string): Promise<void> {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND;
    await this.inFolder(dirname(path), async () => {
      const file = await this.open(path, flags);
      await file.close();
    });
    await syncFolder(dirname(path));
  }

  /** Gives a file another name. @throws the system's own errors */
  async rename(from: string, to: string): Promise<void> {
    await this.#guard.rename(from, to);
  }

  /** As `rename`, where the folder may have to be made. */
  async moveInto(from: string, to: string): Promise<void> {
    await this.#guard.at(from, (source) =>
      this.inFolder(dirname(to), (folder) => rename(source, join(folder, basename(to)))),
    );
  }

  /** Removes a file, durably. False when it was not there. */
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

  /** Removes a file. @throws the system's own errors */
  async unlink(path: string): Promise<void> {
    await this.#guard.at(path, (own) => unlink(own));
  }

  /** Removes a folder. False where it is not empty, or not there. */
  async removeEmpty(folder: string): Promise<boolean> {
    return await this.#guard
      .at(folder, (own) => rmdir(own))
      .then(
        () => true,
        () => false,
      );
  }

  /** Sets a file's time to now, which keeps garbage collection off it. False when it is not there. */
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

  /** The size of a file in bytes, which is used now, as `touch` would have it; undefined where there is none. */
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

  /** Writes a file of a few bytes, and removes it. @throws CodedError that says why not */
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
