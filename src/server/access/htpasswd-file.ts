import { type FileHandle, open, stat } from 'node:fs/promises';
import { CodedError, fileError, readPart } from '#core';
import { costOf, parseHtpasswd } from './htpasswd.ts';

/** The users of a file. */
export interface Users {
  /** Each user's hash. */
  readonly hashes: ReadonlyMap<string, string>;
  /** The cost of the hash that takes longest. */
  readonly highestCost: number;
}

/** Enough for tens of thousands of users. */
const MAX_BYTES = 4 * 1024 * 1024;

/** An htpasswd file that is reloaded when it changes. */
export class HtpasswdFile {
  readonly #path: string;
  readonly #notice: (text: string) => void;
  #stamp = '';
  #users: Promise<Users> | undefined;

  private constructor(path: string, notice: (text: string) => void) {
    this.#path = path;
    this.#notice = notice;
  }

  /**
   * @param notice called when the file was reloaded, and when it could not be
   * @throws CodedError ERR_EXPORT_USAGE for an invalid line, and the codes of fileError
   */
  static async open(path: string, notice: (text: string) => void = () => undefined): Promise<HtpasswdFile> {
    const file = new HtpasswdFile(path, notice);
    await file.users();
    return file;
  }

  /** Users and their hashes. @throws CodedError while the file is invalid, rather than use an outdated version */
  async users(): Promise<Users> {
    const stamp = await this.#look();
    if (this.#users === undefined || stamp !== this.#stamp) {
      const again = this.#users !== undefined;
      this.#stamp = stamp;
      this.#users = this.#read();
      if (again) this.#users.then(() => this.#notice(`${this.#path}: reloaded`), this.#tell);
    }
    return await this.#users;
  }

  /** A text that changes when the file changes. */
  async #look(): Promise<string> {
    const found = await stat(this.#path, { bigint: true }).catch((error: unknown) => fileError(error, this.#path));
    if (found instanceof CodedError) return found.message;
    return [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(' ');
  }

  async #read(): Promise<Users> {
    let file: FileHandle | undefined;
    try {
      file = await open(this.#path, 'r');
      const bytes = await readPart(file, MAX_BYTES + 1, 0);
      if (bytes.byteLength <= MAX_BYTES) {
        const hashes = parseHtpasswd(bytes.toString('utf8'), this.#path);
        const highestCost = hashes.values().reduce((highest, hash) => Math.max(highest, costOf(hash)), 0);
        return { hashes, highestCost };
      }
    } catch (error) {
      throw fileError(error, this.#path);
    } finally {
      await file?.close();
    }
    throw new CodedError('ERR_EXPORT_USAGE', `${this.#path}: more than ${MAX_BYTES} bytes`, {
      hint: 'specify an htpasswd file',
      details: { file: this.#path },
    });
  }

  readonly #tell = (error: unknown): void => {
    this.#notice(`${error instanceof Error ? error.message : String(error)}; nobody can log in until it is fixed`);
  };
}
