import { randomUUID } from 'node:crypto';
import { constants, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  algorithmOf,
  CodedError,
  type Digest,
  type DigestAlgorithm,
  Digester,
  fileError,
  isCoded,
  syncFolder,
} from '#core';
import type { ByteStream } from '#oci/image';
import type { Blobs } from './blobs.ts';
import { isMissing, sizeOf } from './files.ts';
import type { RepositoryPaths, TenantPaths } from './paths.ts';
import { pour } from './pour.ts';
import type { Session, Sessions, Turn } from './sessions.ts';

/** How an upload takes bytes in. */
export interface AppendOptions {
  /** The offset that the bytes claim to have; anything but the upload's size is refused. */
  readonly offset?: number | undefined;
  /** The upload may not grow beyond this. */
  readonly maxSizeBytes?: number | undefined;
}

interface TakeOptions extends AppendOptions {
  /** What to hash with, should these be the first bytes. */
  readonly algorithm?: DigestAlgorithm;
}

/** Whether bytes were taken, and the size in bytes of the upload after it. */
export interface AppendResult {
  readonly accepted: boolean;
  readonly size: number;
}

const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Uploads into one repository. An upload is a file that grows, so it survives the process: what has been
 * acknowledged is in the file. It becomes a blob when its digest is told and right, and is invisible before.
 */
export class Uploads {
  readonly #tenant: TenantPaths;
  readonly #repository: RepositoryPaths;
  readonly #blobs: Blobs;
  readonly #sessions: Sessions;

  constructor(tenant: TenantPaths, repository: RepositoryPaths, blobs: Blobs, sessions: Sessions) {
    this.#tenant = tenant;
    this.#repository = repository;
    this.#blobs = blobs;
    this.#sessions = sessions;
  }

  /** Begins an upload. @returns its id */
  async start(algorithm: DigestAlgorithm = 'sha256'): Promise<string> {
    const id = randomUUID();
    const path = this.#repository.upload(id);
    await this.#tenant.files.inFolder(this.#repository.uploads, async () => {
      const file = await this.#tenant.files.open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL);
      await file.close();
    });
    this.#sessions.of(path).digester = new Digester(algorithm);
    return id;
  }

  /** How many bytes an upload has; undefined where there is no such upload. */
  async size(id: string): Promise<number | undefined> {
    return ID.test(id) ? await sizeOf(this.#repository.upload(id)) : undefined;
  }

  /**
   * Adds bytes at the end. A call that finds another at work on the same upload waits for it for a while, and ends it
   * when no more bytes come to it. One without an offset is not accepted when the other has added bytes. When the bytes
   * stop coming early, those that came stay.
   *
   * @throws CodedError ERR_EXPORT_NOT_FOUND where there is no such upload, ERR_EXPORT_LOCKED where another goes on
   */
  async append(id: string, chunks: ByteStream, options: AppendOptions = {}): Promise<AppendResult> {
    const passed = await this.#sizePassed(id, options);
    if (passed !== undefined) return { accepted: false, size: passed };
    return await this.#enter(id, async (upload) => await this.#take(upload, chunks, options));
  }

  /**
   * Adds the last bytes, if any, and makes the upload a blob of the repository, whole and durable. Where the digest
   * is wrong the upload is gone: a stream that is wrong cannot be repaired by more of it. An upload that has become
   * this blob already is accepted again: its client may not have got the answer.
   *
   * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_LOCKED, ERR_EXPORT_DIGEST_MISMATCH
   */
  async commit(id: string, digest: Digest, chunks?: ByteStream, options: AppendOptions = {}): Promise<AppendResult> {
    const algorithm = algorithmOf(digest);
    const passed = await this.#sizePassed(id, options);
    if (passed !== undefined) return { accepted: false, size: passed };
    const commit = this.#enter(id, async (upload) => {
      const { path } = upload;
      const result = await this.#take(upload, chunks, { ...options, algorithm });
      if (!result.accepted) return result;
      const actual = await digestOfUpload(upload, result.size, algorithm);
      if (actual !== digest) {
        await this.#drop(path);
        throw new CodedError('ERR_EXPORT_DIGEST_MISMATCH', `expected ${digest}, got ${actual}`, {
          hint: 'send the content again',
          details: { expected: digest, actual, sizeBytes: result.size },
        });
      }
      await this.#publish(upload, digest);
      this.#sessions.forget(path);
      this.#sessions.publish(path, digest);
      return result;
    });
    return await commit.catch(async (error: unknown) => {
      const size = isCoded(error, 'ERR_EXPORT_NOT_FOUND') ? await this.#publishedSize(id, digest) : undefined;
      if (size === undefined) throw error;
      return { accepted: true, size };
    });
  }

  /** Ends an upload, and the request at work on it. False when there is no such upload. */
  async cancel(id: string): Promise<boolean> {
    if (!ID.test(id)) return false;
    const path = this.#repository.upload(id);
    return await this.#sessions.enter(path, async () => await this.#drop(path), { endOther: true });
  }

  /** Takes in a whole blob at once. @returns its size in bytes */
  async put(digest: Digest, chunks: ByteStream, options: AppendOptions = {}): Promise<number> {
    const id = await this.start(algorithmOf(digest));
    try {
      return (await this.commit(id, digest, chunks, options)).size;
    } catch (error) {
      await this.cancel(id);
      throw error;
    }
  }

  async #enter<T>(id: string, action: (upload: OpenUpload) => Promise<T>): Promise<T> {
    const path = this.#repository.upload(id);
    if (!ID.test(id)) throw noUpload(id);
    const sizeBefore = await sizeOf(path);
    return await this.#sessions.enter(path, async (session, turn) => {
      let file: FileHandle;
      try {
        file = await this.#tenant.files.open(path, constants.O_RDWR);
      } catch (error) {
        this.#sessions.forget(path);
        throw isMissing(error) ? noUpload(id) : fileError(error, path);
      }
      try {
        return await action({ path, file, session, turn, sizeBefore: turn.waited ? sizeBefore : undefined });
      } catch (error) {
        // Left there, it would keep the disk full.
        if (isCoded(error, 'ERR_EXPORT_DISK_FULL')) await this.#drop(path);
        throw error;
      } finally {
        await file.close();
      }
    });
  }

  /** The size of an upload that has grown beyond an offset, which then is wrong whatever another request does. */
  async #sizePassed(id: string, { offset }: AppendOptions): Promise<number | undefined> {
    const size = offset === undefined ? undefined : await this.size(id);
    return offset !== undefined && size !== undefined && size > offset ? size : undefined;
  }

  /** The size of the blob that an upload has become, if it is this one. */
  async #publishedSize(id: string, digest: Digest): Promise<number | undefined> {
    const isSame = this.#sessions.published(this.#repository.upload(id)) === digest;
    return isSame ? await this.#blobs.size(digest) : undefined;
  }

  async #drop(path: string): Promise<boolean> {
    this.#sessions.forget(path);
    return await this.#tenant.files.remove(path);
  }

  async #take(upload: OpenUpload, chunks: ByteStream | undefined, options: TakeOptions): Promise<AppendResult> {
    const { path, file, session, turn, sizeBefore } = upload;
    const { offset, maxSizeBytes = Number.MAX_SAFE_INTEGER, algorithm } = options;
    const { size: position } = await file.stat();
    // Bytes without an offset were meant for the end that the upload had when they were sent.
    const expected = offset ?? (chunks === undefined ? undefined : sizeBefore);
    if (expected !== undefined && expected !== position) return { accepted: false, size: position };
    if (position === 0) session.digester = new Digester(algorithm ?? session.digester?.algorithm);
    else if (session.digester?.size !== position) session.digester = undefined;
    const { digester } = session;
    if (chunks === undefined) return { accepted: true, size: position };
    const { signal, moved } = turn;
    const size = await pour(chunks, file, { path, position, digester, maxSizeBytes, signal, moved });
    return { accepted: true, size };
  }

  async #publish({ path, file }: OpenUpload, digest: Digest): Promise<void> {
    const blob = this.#tenant.blob(digest);
    const folder = dirname(blob);
    try {
      await file.datasync();
      // Also over a blob that is there already: these bytes have just been checked, those may be damaged.
      await this.#tenant.files.moveInto(path, blob);
      await syncFolder(folder);
    } catch (error) {
      throw fileError(error, path);
    }
    if (await this.#blobs.link(digest)) return;
    throw new CodedError('ERR_EXPORT_STORE_INVALID', `${digest}: gone as soon as it was written`, {
      hint: 'check that nothing else deletes files of the store, then send the content again',
    });
  }
}

interface OpenUpload {
  readonly path: string;
  readonly file: FileHandle;
  readonly session: Session;
  readonly turn: Turn;
  /** The size in bytes before another request was waited for; undefined where there was none. */
  readonly sizeBefore: number | undefined;
}

/** The digest of an upload: as it was taken while the bytes came, or, after a restart, from the file. */
async function digestOfUpload({ path, file, session }: OpenUpload, size: number, algorithm: DigestAlgorithm) {
  const { digester } = session;
  if (digester?.algorithm === algorithm && digester.size === size) return digester.digest();
  const again = new Digester(algorithm);
  const buffer = Buffer.allocUnsafeSlow(1024 * 1024);
  try {
    while (again.size < size) {
      const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, again.size);
      if (bytesRead === 0) break;
      again.update(buffer.subarray(0, bytesRead));
    }
  } catch (error) {
    throw fileError(error, path);
  }
  return again.digest();
}

function noUpload(id: string): CodedError {
  return new CodedError('ERR_EXPORT_NOT_FOUND', `no upload ${JSON.stringify(id.slice(0, 64))}`, {
    hint: 'begin a new upload',
  });
}
