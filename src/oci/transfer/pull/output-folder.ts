import { existsSync } from 'node:fs';
import { constants, type FileHandle, lstat, mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, fileError, isSystemError, makeFolder, syncFolder } from '#core';

/** Where Linux gives open folders names; Node has no openat(2). */
const OPEN_FILES = '/proc/self/fd';
const FOLDER_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY;

let named: boolean | undefined;

/**
 * A folder that is held open: what is opened, made and renamed in it stays in this very folder, whatever others put in
 * the place of its path meanwhile. Where the system gives open folders no names, its path is used, and `check` finds that
 * somebody has replaced it.
 */
export class OutputFolder implements AsyncDisposable {
  /** As it was named, for messages and as a key. */
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #parent: OutputFolder | undefined;
  readonly #name: string;

  private constructor(path: string, handle: FileHandle, parent: OutputFolder | undefined, name: string) {
    this.path = path;
    this.#handle = handle;
    this.#parent = parent;
    this.#name = name;
  }

  /** The folder that the user names, made if missing: links on the way to it are the user's own. */
  static async open(path: string): Promise<OutputFolder> {
    await makeFolder(path);
    try {
      return new OutputFolder(path, await open(path, FOLDER_FLAGS), undefined, '');
    } catch (error) {
      throw fileError(error, path);
    }
  }

  /**
   * The folder `name` in it, made if missing.
   *
   * @throws CodedError ERR_EXPORT_IO where a link or a file has that name
   */
  async enter(name: string): Promise<OutputFolder> {
    const path = join(this.path, name);
    try {
      const made = await mkdir(this.at(name)).then(
        () => true,
        (error: unknown) => {
          if (!isSystemError(error, 'EEXIST')) throw error;
          return false;
        },
      );
      const handle = await open(this.at(name), FOLDER_FLAGS | constants.O_NOFOLLOW);
      if (made) await this.sync();
      return new OutputFolder(path, handle, this, name);
    } catch (error) {
      if (isSystemError(error, 'ENOTDIR', 'ELOOP')) throw inTheWay(path);
      throw fileError(error, path);
    }
  }

  /** Where the file `name` of this folder is to be had. */
  at(name: string): string {
    named ??= existsSync(`${OPEN_FILES}/${this.#handle.fd}/.`);
    return named ? `${OPEN_FILES}/${this.#handle.fd}/${name}` : join(this.path, name);
  }

  names(): Promise<string[]> {
    return readdir(this.at('.'));
  }

  /** Makes new names in it survive a power cut. */
  sync(): Promise<void> {
    return syncFolder(this.at('.'));
  }

  /**
   * Makes sure that its path still leads to it.
   *
   * @throws CodedError ERR_EXPORT_IO where somebody has moved or replaced it
   */
  async check(): Promise<void> {
    if (this.#parent === undefined) return;
    await this.#parent.check();
    const own = await this.#handle.stat({ bigint: true });
    const found = await lstat(this.#parent.at(this.#name), { bigint: true }).catch(() => undefined);
    if (found?.dev === own.dev && found.ino === own.ino) return;
    throw new CodedError('ERR_EXPORT_IO', `${this.path}: the directory was moved or replaced during the pull`, {
      hint: 'pull into a directory that nobody else may write to',
      details: { path: this.path },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

function inTheWay(path: string): CodedError {
  return new CodedError('ERR_EXPORT_IO', `${path}: a link or file exists where a directory is needed`, {
    hint: 'remove it, or pull into an empty directory',
    details: { path },
  });
}

/** Runs `work` in a folder below another one, made if missing; no link is followed on the way. */
export async function inFolder<T>(
  root: OutputFolder,
  path: string,
  work: (folder: OutputFolder) => Promise<T>,
): Promise<T> {
  await using open = new AsyncDisposableStack();
  let folder = root;
  for (const part of path === '' ? [] : path.split('/')) folder = open.use(await folder.enter(part));
  return await work(folder);
}
