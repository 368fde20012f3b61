import { randomBytes } from 'node:crypto';
import { constants, type FileHandle, open, readdir, rename, rm, rmdir, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Descriptor, type Digest, Digester, fileError, isSystemError, makeFolder, syncFolder } from '#core';
import type { ByteStream, OperationOptions, PushOptions } from '../ports.ts';
import { verifyStream } from '../verify-stream.ts';
import { blobPath } from './files.ts';
import { isAlive, ownerIn, thisOwner } from './owner.ts';

/**
 * Where files are that are not there to stay: below the root, as the format allows, and outside `blobs/`, where other
 * tools' garbage collection looks.
 */
export const tempFolder = '.export-center';
/** How a blob is called that garbage collection has moved aside, and deletes or moves back next. */
export const goneSuffix = '.gone';
/** How long a temporary file of an owner that cannot be judged is left alone. */
const GRACE_MS = 24 * 3600 * 1000;

/** Puts blobs into a layout's folder, each whole or not at all. */
export class BlobWriter {
  readonly #root: string;
  readonly #durable: boolean;
  readonly #unsynced = new Set<string>();

  /** @param durable whether a blob must survive a power cut once it is there */
  constructor(root: string, durable: boolean) {
    this.#root = root;
    this.#durable = durable;
  }

  /** Writes content whose digest is known; checked before it gets its name. */
  async write(descriptor: Descriptor, stream: ByteStream, options: PushOptions): Promise<void> {
    await this.#ingest(async (temp) => {
      for await (const chunk of verifyStream(descriptor, stream, 'source')) {
        options.signal?.throwIfAborted();
        await temp.write(chunk);
        options.onBytes?.(chunk.byteLength);
      }
      return descriptor.digest;
    });
  }

  /** Writes content whose digest comes out at the end. */
  async writeUnknown(mediaType: string, stream: ByteStream, options: OperationOptions): Promise<Descriptor> {
    const digester = new Digester();
    const digest = await this.#ingest(async (temp) => {
      for await (const chunk of stream) {
        options.signal?.throwIfAborted();
        digester.update(chunk);
        await temp.write(chunk);
      }
      return digester.digest();
    });
    return { mediaType, digest, size: digester.size };
  }

  /** Says that a blob is in use again, so that no garbage collection with a grace period takes it. */
  async touch(digest: Digest): Promise<void> {
    const now = new Date();
    // Another's read-only file still counts as present.
    await utimes(join(this.#root, blobPath(digest)), now, now).catch(() => undefined);
  }

  /** Puts a file in place of another, whole or not at all. */
  async replace(path: string, bytes: Uint8Array): Promise<void> {
    const temp = this.#temp();
    try {
      await temp.open();
      await temp.write(bytes);
      await temp.moveTo(join(this.#root, path), true);
      await syncFolder(this.#root);
    } finally {
      await temp.discard();
    }
  }

  /** Makes the names of the blobs written so far survive a power cut. */
  async sync(): Promise<void> {
    const folders = [...this.#unsynced];
    this.#unsynced.clear();
    if (this.#durable) for (const folder of folders) await syncFolder(folder);
  }

  /** Removes what processes that have ended left behind, and the folder for temporary files when it is empty. */
  async tidy(): Promise<void> {
    const folder = join(this.#root, tempFolder);
    for (const name of await readdir(folder).catch(() => [])) {
      const owner = ownerIn(name.replace(/^lock\./, ''));
      if (name.endsWith(goneSuffix) || owner === undefined || (isAlive(owner) ?? !(await isOld(join(folder, name)))))
        continue;
      await rm(join(folder, name), { force: true });
    }
    await rmdir(folder).catch(() => undefined);
  }

  #temp(): TempFile {
    return new TempFile(join(this.#root, tempFolder, `${thisOwner()}.${randomBytes(9).toString('hex')}.tmp`));
  }

  async #ingest(write: (temp: TempFile) => Promise<Digest>): Promise<Digest> {
    const temp = this.#temp();
    try {
      await temp.open();
      const digest = await write(temp);
      const path = join(this.#root, blobPath(digest));
      await temp.moveTo(path, this.#durable);
      this.#unsynced.add(dirname(path));
      return digest;
    } finally {
      await temp.discard();
    }
  }
}

/** A file under way; its faults name its path, those of who feeds it do not. */
class TempFile {
  readonly #path: string;
  #file: FileHandle | undefined;
  #moved = false;

  constructor(path: string) {
    this.#path = path;
  }

  async open(): Promise<void> {
    this.#file = await onDisk(this.#path, () => openTemp(this.#path));
  }

  async write(chunk: Uint8Array): Promise<void> {
    await onDisk(this.#path, async () => {
      for (let done = 0; done < chunk.byteLength; ) {
        done += (await this.#file?.write(chunk, done))?.bytesWritten ?? 0;
      }
    });
  }

  async moveTo(path: string, durable: boolean): Promise<void> {
    await onDisk(path, async () => {
      if (durable) await this.#file?.sync();
      await this.#file?.close();
      this.#file = undefined;
      await makeFolder(dirname(path));
      await rename(this.#path, path);
      this.#moved = true;
    });
  }

  async discard(): Promise<void> {
    await this.#file?.close().catch(() => undefined);
    if (!this.#moved) await rm(this.#path, { force: true }).catch(() => undefined);
  }
}

async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileError(error, path);
  }
}

/** Another process may have tidied the folder away in between. */
async function openTemp(temp: string): Promise<FileHandle> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await open(temp, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o644);
    } catch (error) {
      if (attempt >= 5 || !isSystemError(error, 'ENOENT')) throw error;
      await makeFolder(dirname(temp));
    }
  }
}

async function isOld(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found === undefined || Date.now() - found.mtimeMs > GRACE_MS;
}
