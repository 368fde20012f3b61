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

/** Tens of thousands of users. */
const MOST_BYTES = 4 * 1024 * 1024;

/** An htpasswd file that counts as it is now: a change holds from the next request on. */
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
   * @param notice told when the file was read again, and when it could not be
   * @throws CodedError ERR_EXPORT_USAGE where a line cannot be used, and the codes of fileError
   */
  static async open(path: string, notice: (text: string) => void = () => undefined): Promise<HtpasswdFile> {
    const file = new HtpasswdFile(path, notice);
    await file.users();
    return file;
  }

  /** Users and their hashes. @throws CodedError while the file cannot be used: better nobody than those of yesterday */
  async users(): Promise<Users> {
    const stamp = await this.#look();
    if (this.#users === undefined || stamp !== this.#stamp) {
      const again = this.#users !== undefined;
      this.#stamp = stamp;
      this.#users = this.#read();
      if (again) this.#users.then(() => this.#notice(`${this.#path}: read again`), this.#tell);
    }
    return await this.#users;
  }

  /** What changes with the file. */
  async #look(): Promise<string> {
    const found = await stat(this.#path, { bigint: true }).catch((error: unknown) => fileError(error, this.#path));
    if (found instanceof CodedError) return found.message;
    return [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(' ');
  }

  async #read(): Promise<Users> {
    let file: FileHandle | undefined;
    try {
      file = await open(this.#path, 'r');
      const bytes = await readPart(file, MOST_BYTES + 1, 0);
      if (bytes.byteLength <= MOST_BYTES) {
        const hashes = parseHtpasswd(bytes.toString('utf8'), this.#path);
        const highestCost = hashes.values().reduce((highest, hash) => Math.max(highest, costOf(hash)), 0);
        return { hashes, highestCost };
      }
    } catch (error) {
      throw fileError(error, this.#path);
    } finally {
      await file?.close();
    }
    throw new CodedError('ERR_EXPORT_USAGE', `${this.#path}: more than ${MOST_BYTES} bytes`, {
      hint: 'specify an htpasswd file',
      details: { file: this.#path },
    });
  }

  readonly #tell = (error: unknown): void => {
    this.#notice(`${error instanceof Error ? error.message : String(error)}; nobody can log in until it is fixed`);
  };
}
