import { lutimes, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  algorithmOf,
  type Descriptor,
  type Digest,
  Digester,
  FolderGuard,
  fileError,
  isAlive,
  isCoded,
  isSystemError,
  ownerIn,
  syncFolder,
} from '#core';
import type { ByteStream, ContentReader, OperationOptions, PushOptions } from '#oci/image';
import {
  artifactTypeOf,
  collect,
  hashOutside,
  isHashedOutside,
  maxManifestBytes,
  parseHeldManifest,
  verifyBytes,
  verifyRest,
  verifyStream,
} from '#oci/image';
import { threadBytes } from './file-io/file-read.ts';
import { blobPath } from './files.ts';
import { indexEntry } from './index-file.ts';
import { partSuffix, TempFile } from './temp-file.ts';

/**
 * Where files are that are not there to stay: below the root, as the format allows, and outside `blobs/`, where other
 * tools' garbage collection looks.
 */
export const tempFolder = '.export-center';
/** How a blob is called that garbage collection has moved aside, and deletes or moves back next. */
export const goneSuffix = '.gone';
/** How long a temporary file is left alone whose owner cannot be judged, or that somebody may go on with. */
const GRACE_MS = 24 * 3600 * 1000;
/** From here on it pays to go on where another left off. */
const RESUMABLE_BYTES = 1024 * 1024;

/** Puts blobs into a layout's folder, each whole or not at all. */
export class BlobWriter {
  readonly #root: string;
  readonly #guard: FolderGuard;
  readonly #durable: boolean;
  readonly #unsynced = new Set<string>();

  /** @param durable whether a blob must survive a power cut once it is there */
  constructor(root: string, durable: boolean) {
    this.#root = root;
    this.#guard = new FolderGuard(root);
    this.#durable = durable;
  }

  /** Writes content whose digest is known; checked before it gets its name. Goes on where another was cut short. */
  async write(descriptor: Descriptor, content: ContentReader, options: PushOptions): Promise<void> {
    if (descriptor.size >= RESUMABLE_BYTES && (await this.#resume(descriptor, content, options))) return;
    const temp = this.#temp(descriptor.size >= RESUMABLE_BYTES ? descriptor : undefined);
    await this.#fill(temp, descriptor, options, async () => {
      await temp.open();
      const into = descriptor.size >= threadBytes ? await temp.writeOnThread(this.#durable) : undefined;
      const stream = verifyStream(descriptor, await content(0, true, into), 'source');
      if (into !== undefined && !isHashedOutside(stream)) await hashOnThread(temp, descriptor, stream);
      return stream;
    });
  }

  /** Writes content whose digest comes out at the end. */
  async writeUnknown(mediaType: string, stream: ByteStream, options: OperationOptions): Promise<Descriptor> {
    const digester = new Digester();
    const temp = this.#temp();
    try {
      await temp.open();
      for await (const chunk of stream) {
        options.signal?.throwIfAborted();
        digester.update(chunk);
        await temp.write(chunk);
      }
      const digest = digester.digest();
      const descriptor = { mediaType, digest, size: digester.size };
      await this.#place(temp, descriptor);
      return descriptor;
    } finally {
      await temp.end(false);
    }
  }

  /**
   * Says that a blob is in use again, so that no garbage collection with a grace period takes it.
   *
   * @returns false where there is none
   */
  async touch(digest: Digest): Promise<boolean> {
    const now = new Date();
    const path = join(this.#root, blobPath(digest));
    await this.#guard.refuseLink(path);
    try {
      await this.#guard.at(path, (own) => lutimes(own, now, now));
    } catch (error) {
      if (isCoded(error)) throw error;
      // Another's read-only file still counts as present.
      return !isSystemError(error, 'ENOENT', 'ENOTDIR');
    }
    return true;
  }

  /** Puts a file in place of another, whole or not at all. */
  async replace(path: string, bytes: Uint8Array): Promise<void> {
    await this.#guard.refuseLink(join(this.#root, path));
    const temp = this.#temp();
    try {
      await temp.open();
      await temp.write(bytes);
      await temp.moveTo(join(this.#root, path), bytes.byteLength, true);
      await syncFolder(this.#root);
    } finally {
      await temp.end(false);
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
    try {
      await this.#guard.within(folder, async (own) => {
        for (const name of await readdir(own).catch(() => [])) {
          if (await isOver(join(own, name), name)) await rm(join(own, name), { force: true });
        }
      });
    } catch (error) {
      if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw fileError(error, folder);
    }
    // It goes where it is empty.
    await this.#guard.at(folder, (own) => rmdir(own)).catch(() => undefined);
  }

  #temp(descriptor?: Descriptor): TempFile {
    return new TempFile(this.#guard, join(this.#root, tempFolder), descriptor);
  }

  /** Goes on with what another left of the content; false where there is nothing, or nothing valid. */
  async #resume(descriptor: Descriptor, content: ContentReader, options: PushOptions): Promise<boolean> {
    const temp = this.#temp(descriptor);
    const held = await temp.resume(descriptor);
    if (held === undefined) return false;
    const start = held.size;
    try {
      await this.#fill(
        temp,
        descriptor,
        options,
        async () => (start === descriptor.size ? nothing() : content(start, true)),
        held,
      );
      return true;
    } catch (error) {
      // A power cut may have left anything in it; the source itself is judged from its beginning.
      if (start > 0 && isCoded(error, 'ERR_EXPORT_DIGEST_MISMATCH', 'ERR_EXPORT_SIZE_MISMATCH')) return false;
      throw error;
    }
  }

  async #fill(
    temp: TempFile,
    descriptor: Descriptor,
    options: PushOptions,
    open: () => Promise<ByteStream>,
    held?: Digester,
  ): Promise<void> {
    let isIntact = true;
    try {
      const stream = await open();
      const checked = held === undefined ? stream : verifyRest(descriptor, held, stream, 'source');
      for await (const chunk of checked) {
        options.signal?.throwIfAborted();
        await temp.write(chunk);
        options.onBytes?.(chunk.byteLength);
      }
      await this.#place(temp, descriptor);
    } catch (error) {
      isIntact = !isCoded(error, 'ERR_EXPORT_DIGEST_MISMATCH', 'ERR_EXPORT_SIZE_MISMATCH');
      throw error;
    } finally {
      await temp.end(isIntact);
    }
  }

  async #place(temp: TempFile, { digest, size }: Descriptor): Promise<void> {
    const path = join(this.#root, blobPath(digest));
    await temp.moveTo(path, size, this.#durable);
    this.#unsynced.add(dirname(path));
  }
}

/** Has the thread that writes a file hash it. */
async function hashOnThread(temp: TempFile, { digest }: Descriptor, stream: ByteStream): Promise<void> {
  const written = await temp.hashOnThread(algorithmOf(digest));
  if (written !== undefined) hashOutside(stream, { ahead: false, digest: written });
}

/** Whether a temporary file is of no use to anybody any more. */
async function isOver(path: string, name: string): Promise<boolean> {
  if (name.endsWith(goneSuffix)) return false;
  const owner = ownerIn(name.replace(/^lock\./, ''));
  const alive = owner === undefined ? false : isAlive(owner);
  if (name.endsWith(partSuffix)) return alive === true ? false : isOld(path);
  if (owner === undefined || alive === true) return false;
  return alive === false || isOld(path);
}

async function isOld(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found === undefined || Date.now() - found.mtimeMs > GRACE_MS;
}

async function* nothing(): ByteStream {}

/**
 * The bytes of a manifest that is to be written, checked, and how an index lists it.
 *
 * @throws CodedError ERR_EXPORT_SIZE_MISMATCH, ERR_EXPORT_DIGEST_MISMATCH, ERR_EXPORT_MANIFEST_INVALID
 */
export async function readManifestEntry(
  descriptor: Descriptor,
  content: ContentReader,
  place: string,
): Promise<{ bytes: Uint8Array; entry: Descriptor }> {
  const name = `${place}: ${descriptor.digest}`;
  const bytes = await collect(await content(0), maxManifestBytes, name);
  verifyBytes(descriptor, bytes, 'source');
  const artifactType = artifactTypeOf(parseHeldManifest(bytes, descriptor.mediaType, name));
  return { bytes, entry: indexEntry({ ...descriptor, ...(artifactType === undefined ? {} : { artifactType }) }) };
}
