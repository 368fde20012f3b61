import { closeSync, constants, existsSync, openSync, readlinkSync, realpathSync } from 'node:fs';
import { lstat, mkdir, rename } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { CodedError } from './errors.ts';
import { fileError, isSystemError, makeFolder, syncFolder } from './file.ts';

/** Where Linux shows the open files of this process, by descriptor; a path through it leads to that very folder. */
const OPEN_FILES = '/proc/self/fd';
const HAS_OPEN_FILES = existsSync(OPEN_FILES) && process.platform === 'linux';

/**
 * Writes and deletes below one folder, none of them through a link. The folder itself may be a link: it is the one
 * that was named.
 */
export class FolderGuard {
  readonly root: string;
  /** Where the root really is; undefined before it was needed. */
  #realRoot: string | undefined;

  constructor(root: string) {
    this.root = resolve(root);
  }

  /**
   * Runs `work` with a path to a folder that leads to that folder even when its name is given to a link meanwhile.
   * Without a /proc file system the folder is checked just before, and no more than that.
   *
   * @param folder the root, or a path below it
   * @throws CodedError ERR_EXPORT_NOT_WRITABLE where a link is on the way from the root to the folder; the system's
   *   own ENOENT and ENOTDIR where the folder is missing
   */
  async within<T>(folder: string, work: (path: string) => Promise<T>): Promise<T> {
    const file = await this.#open(folder);
    try {
      this.#check(folder, file);
      return await work(HAS_OPEN_FILES ? `${OPEN_FILES}/${file}` : folder);
    } finally {
      closeSync(file);
    }
  }

  /** As `within` for the folder of a file: `work` gets a path to the file. */
  async at<T>(path: string, work: (path: string) => Promise<T>): Promise<T> {
    return await this.within(dirname(path), (folder) => work(join(folder, basename(path))));
  }

  /** Gives a file another name. A link is moved as a link. */
  async rename(from: string, to: string): Promise<void> {
    await this.at(from, (source) => this.at(to, (target) => rename(source, target)));
  }

  /** Makes a folder and what is missing between the root and it, durably. One that is there is fine, whatever its mode. */
  async makeFolder(folder: string, mode = 0o777): Promise<void> {
    if (this.#isRoot(folder)) return makeFolder(folder);
    try {
      await this.at(folder, async (path) => {
        await mkdir(path, mode).catch(ignoreExisting);
        await syncFolder(dirname(path));
      });
    } catch (error) {
      if (!isSystemError(error, 'ENOENT')) throw fileError(error, folder);
      await this.makeFolder(dirname(folder), mode);
      await this.makeFolder(folder, mode);
    }
  }

  /** @throws CodedError ERR_EXPORT_NOT_WRITABLE where `path` is a link itself */
  async refuseLink(path: string): Promise<void> {
    const found = await lstat(path).catch(() => undefined);
    if (found?.isSymbolicLink()) throw linkRefused(path);
  }

  async #open(folder: string): Promise<number> {
    try {
      return openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    } catch (error) {
      // A link that leads nowhere looks like a folder that is missing.
      if (!this.#isRoot(folder)) await this.refuseLink(folder);
      throw error;
    }
  }

  /** Where a folder really is differs from where it seems to be as soon as one link is on the way. */
  #check(folder: string, file: number): void {
    const below = relative(this.root, resolve(folder));
    if (below === '') return;
    if (below.startsWith('..')) throw new TypeError(`${folder} is not below ${this.root}`);
    const real = HAS_OPEN_FILES ? readlinkSync(`${OPEN_FILES}/${file}`) : realpathSync(folder);
    if (this.#realRoot !== undefined && real === join(this.#realRoot, below)) return;
    // The root may have been made, moved or replaced since it was looked at.
    this.#realRoot = realpathSync(this.root);
    if (real === join(this.#realRoot, below)) return;
    if (real.endsWith(' (deleted)')) throw missing(folder);
    throw linkRefused(folder);
  }

  #isRoot(folder: string): boolean {
    return relative(this.root, resolve(folder)) === '';
  }
}

function ignoreExisting(error: unknown): void {
  if (!isSystemError(error, 'EEXIST')) throw error;
}

/** The error for a link where a file or folder of our own should be. */
export function linkRefused(path: string): CodedError {
  return new CodedError('ERR_EXPORT_NOT_WRITABLE', `${path}: the path contains a symbolic link`, {
    hint: 'replace the link with a regular directory or file: nothing is written or deleted through a link',
    details: { path, system: 'ELOOP' },
  });
}

function missing(folder: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`ENOENT: no such file or directory, open '${folder}'`), { code: 'ENOENT' });
}
