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
import type { ByteStream } from '../ports.ts';
import type { Blobs } from './blobs.ts';
import { isMissing, sizeOf } from './files.ts';
import type { RepositoryPaths, TenantPaths } from './paths.ts';
import { pour } from './pour.ts';
import type { Session, Sessions } from './sessions.ts';

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
   * Adds bytes at the end. A call that finds another at work on the same upload ends that one and goes on where
   * it stopped: it belongs to a connection that its client has given up. When the bytes stop coming early, those
   * that came stay.
   *
   * @throws CodedError ERR_EXPORT_NOT_FOUND where there is no such upload
   */
  async append(id: string, chunks: ByteStream, options: AppendOptions = {}): Promise<AppendResult> {
    return await this.#enter(id, async (upload) => await this.#take(upload, chunks, options));
  }

  /**
   * Adds the last bytes, if any, and makes the upload a blob of the repository, whole and durable. Where the digest
   * is wrong the upload is gone: a stream that is wrong cannot be mended by more of it.
   *
   * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_DIGEST_MISMATCH
   */
  async commit(id: string, digest: Digest, chunks?: ByteStream, options: AppendOptions = {}): Promise<AppendResult> {
    const algorithm = algorithmOf(digest);
    return await this.#enter(id, async (upload) => {
      const { path } = upload;
      const result = await this.#take(upload, chunks ?? nothing(), { ...options, algorithm });
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
      return result;
    });
  }

  /** Gives an upload up. False when there is no such upload. */
  async cancel(id: string): Promise<boolean> {
    if (!ID.test(id)) return false;
    const path = this.#repository.upload(id);
    return await this.#sessions.enter(path, async () => await this.#drop(path));
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
    return await this.#sessions.enter(path, async (session, signal) => {
      let file: FileHandle;
      try {
        file = await this.#tenant.files.open(path, constants.O_RDWR);
      } catch (error) {
        this.#sessions.forget(path);
        throw isMissing(error) ? noUpload(id) : fileError(error, path);
      }
      try {
        return await action({ path, file, session, signal });
      } catch (error) {
        // Left there, it would keep the disk full.
        if (isCoded(error, 'ERR_EXPORT_DISK_FULL')) await this.#drop(path);
        throw error;
      } finally {
        await file.close();
      }
    });
  }

  async #drop(path: string): Promise<boolean> {
    this.#sessions.forget(path);
    return await this.#tenant.files.remove(path);
  }

  async #take(upload: OpenUpload, chunks: ByteStream, options: TakeOptions): Promise<AppendResult> {
    const { path, file, session, signal } = upload;
    const { offset, maxSizeBytes = Number.MAX_SAFE_INTEGER, algorithm } = options;
    const { size: position } = await file.stat();
    if (offset !== undefined && offset !== position) return { accepted: false, size: position };
    if (position === 0) session.digester = new Digester(algorithm ?? session.digester?.algorithm);
    else if (session.digester?.size !== position) session.digester = undefined;
    const { digester } = session;
    return { accepted: true, size: await pour(chunks, file, { path, position, digester, maxSizeBytes, signal }) };
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
  readonly signal: AbortSignal;
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

async function* nothing(): AsyncGenerator<Uint8Array> {}
