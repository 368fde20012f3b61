import { constants, type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  compareText,
  type Digest,
  FolderGuard,
  fileError,
  isDigest,
  isSystemError,
  makeFolder,
  syncFolder,
  syncIfSupported,
} from '#core';
import type { ByteRange, ByteStream } from '#oci/image';
import { verifyStream } from '#oci/image';
import { blobPath, FolderFiles, type LayoutFiles } from '../files.ts';
import { indexPath, layoutMarker } from '../index-source.ts';
import { TarFiles } from '../tar-files.ts';
import { encodeLayoutTar, type TarFile } from './encode-layout-tar.ts';

/** The files of an archive as they will be: those in the tar, those gathered beside it, without those dropped. */
export class ArchiveFiles implements LayoutFiles {
  readonly #path: string;
  readonly #stage: FolderFiles;
  readonly #guard: FolderGuard;
  readonly #dropped = new Set<string>();
  /** What belongs into the next tar; what another had gathered may be more. */
  readonly #pushed = new Set<string>();
  #base: TarFiles | undefined;
  /** Tars that were replaced and may still be read from. */
  readonly #old: TarFiles[] = [];

  constructor(path: string, base: TarFiles | undefined, stagePath: string) {
    this.#path = path;
    this.#base = base;
    this.#stage = new FolderFiles(stagePath);
    this.#guard = new FolderGuard(stagePath);
  }

  async version(path: string): Promise<string | undefined> {
    return this.#base?.version(path);
  }

  async sizeOf(path: string): Promise<number | undefined> {
    const staged = path.startsWith('blobs/') ? await this.#stage.sizeOf(path) : undefined;
    return staged ?? (this.#dropped.has(path) ? undefined : this.#base?.sizeOf(path));
  }

  async *read(path: string, range?: ByteRange, reuseBuffer?: boolean): ByteStream {
    const staged = path.startsWith('blobs/') && (await this.#stage.sizeOf(path)) !== undefined;
    const files = staged ? this.#stage : this.#base;
    if (files !== undefined) yield* files.read(path, range, reuseBuffer);
  }

  async blobPaths(): Promise<readonly string[]> {
    const held = ((await this.#base?.blobPaths()) ?? []).filter((path) => !this.#dropped.has(path));
    return [...new Set([...held, ...(await this.#stage.blobPaths())])];
  }

  /** Takes a blob that is gathered into the next tar. */
  add(digest: Digest): void {
    this.#pushed.add(blobPath(digest));
  }

  /** Leaves a blob out of the next tar; false when there is none. */
  async drop(digest: Digest): Promise<boolean> {
    const path = blobPath(digest);
    if ((await this.sizeOf(path)) === undefined) return false;
    await this.#guard
      .at(join(this.#stage.root, path), (own) => rm(own, { force: true }))
      .catch((error: unknown) => {
        if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error;
      });
    this.#dropped.add(path);
    return true;
  }

  /** Looks at the tar anew if another process has replaced it. */
  async refresh(): Promise<void> {
    const found = await stat(this.#path, { bigint: true }).catch(() => undefined);
    const stamp = found === undefined ? undefined : `${found.ino}:${found.size}:${found.mtimeNs}`;
    if (stamp === this.#base?.stamp) return;
    if (this.#base !== undefined) this.#old.push(this.#base);
    this.#base = await TarFiles.open(this.#path);
  }

  /** Writes a tar of all files with this index, and puts it in place. */
  async write(index: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const temp = join(this.#stage.root, 'next.tar');
    const files = await this.#list(index);
    try {
      await makeFolder(this.#stage.root);
      await rm(temp, { force: true });
      const file = await open(temp, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o644);
      try {
        for await (const chunk of encodeLayoutTar(files)) {
          signal?.throwIfAborted();
          await writeAll(file, chunk, temp);
        }
        await syncIfSupported(file.sync());
      } finally {
        await file.close();
      }
      await rename(temp, this.#path);
      await syncFolder(dirname(this.#path));
    } catch (error) {
      await rm(temp, { force: true }).catch(() => undefined);
      throw error instanceof Error && 'syscall' in error ? fileError(error, temp) : error;
    }
    await this.refresh();
  }

  async close(): Promise<void> {
    for (const tar of [...this.#old, ...(this.#base === undefined ? [] : [this.#base])]) await tar.close();
  }

  async #list(index: Uint8Array): Promise<TarFile[]> {
    const staged = (await this.#stage.blobPaths()).filter((path) => this.#pushed.has(path));
    const held = [...(this.#base?.paths() ?? [])].filter((path) => !this.#dropped.has(path));
    return tarFilesOf(this, new Set([...held, ...staged]), index, this.#path);
  }
}

/**
 * The files of a layout as they go into a tar: what says what it is comes first, then the blobs in order of name, so
 * that the tar can be read as a stream.
 */
export async function tarFilesOf(
  source: LayoutFiles,
  paths: Iterable<string>,
  index: Uint8Array,
  place: string,
): Promise<TarFile[]> {
  const files = [fileOf(layoutMarker.path, Buffer.from(layoutMarker.text)), fileOf(indexPath, index)];
  for (const path of [...paths].sort(compareText)) {
    if (path === layoutMarker.path || path === indexPath) continue;
    const size = (await source.sizeOf(path)) ?? 0;
    files.push({ path, size, content: checked(path, size, source.read(path), place) });
  }
  return files;
}

/** Blobs are checked once more on their way into a new tar. */
function checked(path: string, size: number, content: ByteStream, place: string): ByteStream {
  const digest = path.replace(/^blobs\/([^/]+)\/([^/]+)$/, '$1:$2');
  return isDigest(digest) ? verifyStream({ mediaType: '', digest, size }, content, place) : content;
}

function fileOf(path: string, bytes: Uint8Array): TarFile {
  const content = async function* (): ByteStream {
    yield bytes;
  };
  return { path, size: bytes.byteLength, content: content() };
}

async function writeAll(file: FileHandle, chunk: Uint8Array, path: string): Promise<void> {
  try {
    for (let done = 0; done < chunk.byteLength; ) done += (await file.write(chunk, done)).bytesWritten;
  } catch (error) {
    throw fileError(error, path);
  }
}
