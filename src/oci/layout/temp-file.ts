import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsync as fsyncFile,
  ftruncateSync,
  lstatSync,
  open as openFile,
  writeSync,
  write as writeToFile,
} from 'node:fs';
import { readdir, rename as renameFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import {
  algorithmOf,
  CodedError,
  type Descriptor,
  type Digest,
  type DigestAlgorithm,
  Digester,
  type FolderGuard,
  fileError,
  hexOf,
  isAlive,
  isSystemError,
  linkRefused,
  ownerIn,
  syncIfSupported,
  thisOwner,
} from '#core';
import type { ReceivingFile } from '#oci/image';
import { openOnThread, readFileRange } from './file-io/file-read.ts';
import type { ThreadedFile } from './file-io/threaded-file.ts';

/** How a temporary file is called that holds the beginning of a blob whose digest is known, for the next who wants it. */
export const partSuffix = '.part';

const open = promisify(openFile);
const write = promisify(writeToFile);
const fsync = promisify(fsyncFile);
/** So little is with the system sooner than another thread is awake to hand it over. */
const AT_ONCE_BYTES = 64 * 1024;

/** A file under way; its faults name its path, those of who feeds it do not. */
export class TempFile {
  readonly #guard: FolderGuard;
  readonly #folder: string;
  readonly #part: string | undefined;
  readonly #path: string;
  #file: number | undefined;
  /** Where it is written on another thread. */
  #threaded: ThreadedFile | undefined;
  #moved = false;
  #faulty = false;

  /** @param descriptor of the content, where others may go on with what is written of it */
  constructor(guard: FolderGuard, folder: string, descriptor?: Descriptor) {
    this.#guard = guard;
    this.#folder = folder;
    this.#part =
      descriptor === undefined
        ? undefined
        : `${algorithmOf(descriptor.digest)}-${hexOf(descriptor.digest)}${partSuffix}`;
    const name = `${thisOwner()}.${randomBytes(9).toString('hex')}`;
    this.#path = join(folder, `${name}.${this.#part ?? 'tmp'}`);
  }

  async open(): Promise<void> {
    this.#file = await this.#onDisk(this.#path, () => this.#openNew());
  }

  /**
   * Has another thread write what follows; before the first byte.
   *
   * @param durable as `moveTo` is told
   * @returns undefined where this thread writes it
   */
  async writeOnThread(durable: boolean): Promise<ReceivingFile | undefined> {
    this.#threaded = await openOnThread(this.#opened(), durable);
    return this.#threaded;
  }

  /**
   * Has the other thread hash it too; before the first byte.
   *
   * @returns where the digest of all that was written comes from; undefined where it is written on this thread
   */
  async hashOnThread(algorithm: DigestAlgorithm): Promise<(() => Promise<Digest>) | undefined> {
    const threaded = this.#threaded;
    await this.#onDisk(this.#path, async () => threaded?.hash(algorithm));
    return threaded && (() => this.#onDisk(this.#path, () => threaded.digest()));
  }

  /**
   * Opens what a process that has ended, or a failed run, left of the content, and takes it over.
   *
   * @returns a digester that has read it; undefined where there is nothing
   */
  async resume({ digest, size }: Descriptor): Promise<Digester | undefined> {
    for (const name of await readdir(this.#folder).catch(() => [])) {
      if (this.#part === undefined || !name.endsWith(this.#part)) continue;
      const owner = ownerIn(name);
      if (owner !== undefined && isAlive(owner) !== false) continue;
      // Of several that want it, one gets it.
      const taken = await this.#guard.rename(join(this.#folder, name), this.#path).catch(() => 'gone');
      if (taken === 'gone') continue;
      return this.#onDisk(this.#path, async () => {
        const file = await this.#openTaken();
        this.#file = file;
        const digester = new Digester(algorithmOf(digest));
        if (fstatSync(file).size > size) ftruncateSync(file, 0);
        for await (const chunk of readFileRange(file, undefined, true)) digester.update(chunk);
        return digester;
      });
    }
    return undefined;
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.#onDisk(this.#path, async () => {
      const file = this.#opened();
      if (this.#threaded !== undefined) return await this.#threaded.write(chunk);
      for (let done = 0; done < chunk.byteLength; ) {
        const left = chunk.byteLength - done;
        if (left <= AT_ONCE_BYTES) done += writeSync(file, chunk, done, left);
        else done += (await write(file, chunk, done, left)).bytesWritten;
      }
    });
  }

  /**
   * Gives it its name.
   *
   * @param sizeBytes what was written in all
   * @throws CodedError ERR_EXPORT_IO where another process has replaced or truncated it
   */
  async moveTo(path: string, sizeBytes: number, durable: boolean): Promise<void> {
    await this.#onDisk(path, async () => {
      if (durable) await syncIfSupported(this.#threaded?.sync() ?? fsync(this.#opened()));
      await this.#close();
      await this.#rename(path, sizeBytes);
      this.#moved = true;
    });
  }

  /** Ends it: what may still be of use, and was not moved, is left for the next, unless the disk is at fault. */
  async end(useful: boolean): Promise<void> {
    if (this.#moved) return;
    try {
      await this.#close();
    } catch {
      // Who ends it without having moved it knows already that something went wrong.
      this.#faulty = true;
    }
    if (this.#part !== undefined && useful && !this.#faulty) {
      await this.#guard.rename(this.#path, join(this.#folder, this.#part)).catch(() => undefined);
    } else {
      await this.#guard.at(this.#path, (path) => rm(path, { force: true })).catch(() => undefined);
    }
  }

  /** Folders are made when one is missing: most often they are there. */
  async #rename(path: string, sizeBytes: number): Promise<void> {
    const rename = () =>
      this.#guard.at(this.#path, async (source) => {
        const found = lstatSync(source);
        if (!found.isFile() || found.size !== sizeBytes) throw changedByAnother(this.#path);
        await this.#guard.at(path, (target) => renameFile(source, target));
      });
    try {
      await rename();
    } catch (error) {
      if (!isSystemError(error, 'ENOENT')) throw error;
      await this.#guard.makeFolder(dirname(path));
      await rename();
    }
  }

  /** Another process may have tidied the folder away in between. */
  async #openNew(): Promise<number> {
    // What is appended to a file that another process truncates leaves it too short, and no hole that nobody would find.
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_EXCL;
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#guard.at(this.#path, (path) => open(path, flags, 0o644));
      } catch (error) {
        if (attempt >= 5 || !isSystemError(error, 'ENOENT')) throw error;
        await this.#guard.makeFolder(this.#folder);
      }
    }
  }

  async #openTaken(): Promise<number> {
    const flags = constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW;
    try {
      return await this.#guard.at(this.#path, (path) => open(path, flags));
    } catch (error) {
      throw isSystemError(error, 'ELOOP') ? linkRefused(this.#path) : error;
    }
  }

  #opened(): number {
    if (this.#file === undefined) throw new TypeError(`${this.#path} is not open`);
    return this.#file;
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    // Until it is at rest, its number must not be that of another file.
    await this.#threaded?.end();
    if (file !== undefined) closeSync(file);
  }

  async #onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#faulty = true;
      throw fileError(error, path);
    }
  }
}

function changedByAnother(path: string): CodedError {
  return new CodedError(
    'ERR_EXPORT_IO',
    `${path}: another process replaced or truncated the file while it was written`,
    {
      hint: 'write to a directory that nobody else may write to',
      details: { path },
    },
  );
}
