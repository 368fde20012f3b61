import { closeSync, constants, open as openFile } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { algorithmOf, CodedError, type Digest, type DigestAlgorithm, fileError, hexOf, isSystemError } from '#core';
import type { ByteRange, ByteStream } from '#oci/image';
import { type HashedStream, readError, readFileRange } from './file-io/file-read.ts';

/** The files of a layout by their relative paths, wherever they lie: in a folder, in a tar, in one over the other. */
export interface LayoutFiles {
  /** Changes whenever the file does; undefined where there is none. */
  version(path: string): Promise<string | undefined>;
  /** Size in bytes; undefined where there is no such file. */
  sizeOf(path: string): Promise<number | undefined>;
  /** The bytes of the file or of a closed range of it; `reuseBuffer` as in FetchOptions. Opens it when the first is asked for. */
  read(path: string, range?: ByteRange, reuseBuffer?: boolean): ByteStream;
  /** A whole large file, read with reused buffers and hashed on another thread; absent where that does not help. */
  readHashed?(path: string, size: number, algorithm: DigestAlgorithm): Promise<HashedStream>;
  /** The paths below `blobs/`, in no order. */
  blobPaths(): Promise<readonly string[]>;
}

/** Where the content of a digest lies below the root of a layout (image-spec v1.1.1 image-layout.md#blobs). */
export function blobPath(digest: Digest): string {
  return `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;
}

// Without a file handle, whose closing alone takes as long as reading a small file: each step on another thread does.
const open = promisify(openFile);

/** The files in a folder. */
export class FolderFiles implements LayoutFiles {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  async version(path: string): Promise<string | undefined> {
    const found = await orAbsent(stat(join(this.root, path), { bigint: true }), join(this.root, path));
    return found?.isFile() ? `${found.dev}:${found.ino}:${found.size}:${found.mtimeNs}` : undefined;
  }

  async sizeOf(path: string): Promise<number | undefined> {
    const found = await orAbsent(stat(join(this.root, path)), join(this.root, path));
    return found?.isFile() ? found.size : undefined;
  }

  async blobPaths(): Promise<readonly string[]> {
    const blobs = join(this.root, 'blobs');
    const paths: string[] = [];
    for (const algorithm of (await orAbsent(readdir(blobs), blobs)) ?? []) {
      const folder = join(blobs, algorithm);
      const names = (await orAbsent(readdir(folder), folder)) ?? [];
      for (const name of names) paths.push(`blobs/${algorithm}/${name}`);
    }
    return paths;
  }

  async hasBlobs(): Promise<boolean> {
    const blobs = join(this.root, 'blobs');
    for (const algorithm of (await orAbsent(readdir(blobs), blobs)) ?? []) {
      const folder = join(blobs, algorithm);
      if (((await orAbsent(readdir(folder), folder)) ?? []).length > 0) return true;
    }
    return false;
  }

  async readHashed(path: string, size: number, algorithm: DigestAlgorithm): Promise<HashedStream> {
    // Most runs move nothing that large.
    const { readHashedFile } = await import('./file-io/hashed-read.ts');
    return readHashedFile(join(this.root, path), size, algorithm);
  }

  async *read(path: string, range?: ByteRange, reuseBuffer?: boolean): ByteStream {
    const full = join(this.root, path);
    let file: number | undefined;
    try {
      // What has become a pipe since it was looked at is not waited for.
      file = await open(full, constants.O_RDONLY | constants.O_NONBLOCK);
      yield* readFileRange(file, range, reuseBuffer);
    } catch (error) {
      throw readError(error, full);
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }
}

/** The error for a folder or a tar that is no layout. */
export function layoutInvalid(name: string, what: string, cause?: unknown): CodedError {
  return new CodedError('ERR_EXPORT_LAYOUT_INVALID', `${name}: ${what}`, {
    hint: 'check that this is an OCI layout; a damaged or missing index.json must be restored from a copy',
    details: { name },
    cause,
  });
}

/** The error for content that a layout lists and does not hold. */
export function blobMissing(place: string, digest: Digest): CodedError {
  return new CodedError('ERR_EXPORT_NOT_FOUND', `${place}: ${digest} not found`, {
    hint: 'the copy is incomplete: copy the artifact there again',
    details: { place, digest },
  });
}

async function orAbsent<T>(promise: Promise<T>, path: string): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw fileError(error, path);
  }
}
