import { randomBytes } from 'node:crypto';
import { constants, type FileHandle, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { algorithmOf, type Descriptor, Digester, fileError, hexOf, isSystemError, makeFolder } from '#core';
import { isAlive, ownerIn, thisOwner } from '../owner.ts';
import { readFileRange } from './files.ts';

/** How a temporary file is called that holds the beginning of a blob whose digest is known, for the next who wants it. */
export const partSuffix = '.part';

/** A file under way; its faults name its path, those of who feeds it do not. */
export class TempFile {
  readonly #folder: string;
  readonly #part: string | undefined;
  readonly #path: string;
  #file: FileHandle | undefined;
  #moved = false;
  #faulty = false;

  /** @param descriptor of the content, where others may go on with what is written of it */
  constructor(folder: string, descriptor?: Descriptor) {
    this.#folder = folder;
    this.#part =
      descriptor === undefined
        ? undefined
        : `${algorithmOf(descriptor.digest)}-${hexOf(descriptor.digest)}${partSuffix}`;
    const name = `${thisOwner()}.${randomBytes(9).toString('hex')}`;
    this.#path = join(folder, `${name}.${this.#part ?? 'tmp'}`);
  }

  async open(): Promise<void> {
    this.#file = await this.#onDisk(this.#path, () => openNew(this.#path));
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
      const taken = await rename(join(this.#folder, name), this.#path).catch(() => 'gone');
      if (taken === 'gone') continue;
      return this.#onDisk(this.#path, async () => {
        this.#file = await open(this.#path, constants.O_RDWR | constants.O_APPEND);
        const digester = new Digester(algorithmOf(digest));
        if ((await this.#file.stat()).size > size) await this.#file.truncate(0);
        for await (const chunk of readFileRange(this.#file)) digester.update(chunk);
        return digester;
      });
    }
    return undefined;
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.#onDisk(this.#path, async () => {
      for (let done = 0; done < chunk.byteLength; ) {
        done += (await this.#file?.write(chunk, done))?.bytesWritten ?? 0;
      }
    });
  }

  async moveTo(path: string, durable: boolean): Promise<void> {
    await this.#onDisk(path, async () => {
      if (durable) await this.#file?.sync();
      await this.#file?.close();
      this.#file = undefined;
      await makeFolder(dirname(path));
      await rename(this.#path, path);
      this.#moved = true;
    });
  }

  /** Ends it: what may still be of use, and was not moved, is left for the next, unless the disk is at fault. */
  async end(useful: boolean): Promise<void> {
    await this.#file?.close().catch(() => undefined);
    this.#file = undefined;
    if (this.#moved) return;
    if (this.#part !== undefined && useful && !this.#faulty) {
      await rename(this.#path, join(this.#folder, this.#part)).catch(() => undefined);
    } else {
      await rm(this.#path, { force: true }).catch(() => undefined);
    }
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

/** Another process may have tidied the folder away in between. */
async function openNew(temp: string): Promise<FileHandle> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await open(temp, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o644);
    } catch (error) {
      if (attempt >= 5 || !isSystemError(error, 'ENOENT')) throw error;
      await makeFolder(dirname(temp));
    }
  }
}
