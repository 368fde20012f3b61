import { randomUUID } from 'node:crypto';
import { algorithmOf, CodedError, type Digest, type DigestAlgorithm, Digester, isCoded } from '#core';
import type { ByteStream } from '#oci/image';
import type { ReceiveOptions } from './receive.ts';
import type { AppendOptions, AppendResult, BlobStore, UploadStore } from './registry-store.ts';
import type { Turn, UploadSession, UploadSessions } from './upload-sessions.ts';

/** The unfinished uploads of one repository in a storage. Ids are UUIDs; an open upload has one writer. */
export interface UploadStorage {
  /** A key that is unique for the upload in this process. */
  keyOf(id: string): string;
  /** Creates an empty upload. */
  create(id: string): Promise<void>;
  /** Its size in bytes; undefined if there is no such upload. */
  size(id: string): Promise<number | undefined>;
  /** Opens an upload to be written; undefined if there is no such upload. */
  open(id: string): Promise<OpenUpload | undefined>;
  /** Removes an upload. False where there was no such upload. */
  remove(id: string): Promise<boolean>;
}

/** An upload that is open for one call. */
export interface OpenUpload {
  /** In bytes. */
  size(): Promise<number>;
  /**
   * Adds what `receive` yields at the end. When the stream fails, all that came before is kept, and the error thrown on.
   *
   * @returns the size in bytes afterwards
   */
  append(chunks: ByteStream, options: ReceiveOptions): Promise<number>;
  /** All bytes so far; the memory of a chunk may be reused for the next. */
  read(): AsyncIterable<Uint8Array>;
  /** Makes the bytes, which were verified, a blob of the repository, durably, and ends the upload. */
  publish(digest: Digest): Promise<void>;
  close(): Promise<void>;
}

interface TakeOptions extends AppendOptions {
  /** The hash algorithm, if these are the first bytes. */
  readonly algorithm?: DigestAlgorithm;
}

const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Uploads into one repository, in any storage: bytes are hashed while they arrive, concurrent requests on one upload wait
 * for one another, and the blob becomes visible only after its digest was verified.
 */
export class Uploads implements UploadStore {
  readonly #storage: UploadStorage;
  readonly #blobs: Pick<BlobStore, 'size'>;
  readonly #sessions: UploadSessions;

  constructor(storage: UploadStorage, blobs: Pick<BlobStore, 'size'>, sessions: UploadSessions) {
    this.#storage = storage;
    this.#blobs = blobs;
    this.#sessions = sessions;
  }

  async start(algorithm: DigestAlgorithm = 'sha256'): Promise<string> {
    const id = randomUUID();
    await this.#storage.create(id);
    this.#sessions.of(this.#storage.keyOf(id)).digester = new Digester(algorithm);
    return id;
  }

  async size(id: string): Promise<number | undefined> {
    return ID.test(id) ? await this.#storage.size(id) : undefined;
  }

  async append(id: string, chunks: ByteStream, options: AppendOptions = {}): Promise<AppendResult> {
    const passed = await this.#sizePassed(id, options);
    if (passed !== undefined) return { accepted: false, size: passed };
    return await this.#enter(id, async (upload) => await this.#take(upload, chunks, options));
  }

  async commit(id: string, digest: Digest, chunks?: ByteStream, options: AppendOptions = {}): Promise<AppendResult> {
    const algorithm = algorithmOf(digest);
    const passed = await this.#sizePassed(id, options);
    if (passed !== undefined) return { accepted: false, size: passed };
    const commit = this.#enter(id, async (upload) => {
      const result = await this.#take(upload, chunks, { ...options, algorithm });
      if (!result.accepted) return result;
      const actual = await digestOfUpload(upload, result.size, algorithm);
      if (actual !== digest) {
        await this.#discard(id);
        throw new CodedError('ERR_EXPORT_DIGEST_MISMATCH', `expected ${digest}, got ${actual}`, {
          hint: 'send the content again',
          details: { expected: digest, actual, sizeBytes: result.size },
        });
      }
      await upload.bytes.publish(digest);
      this.#sessions.forget(upload.key);
      this.#sessions.publish(upload.key, digest);
      return result;
    });
    return await commit.catch(async (error: unknown) => {
      const size = isCoded(error, 'ERR_EXPORT_NOT_FOUND') ? await this.#publishedSize(id, digest) : undefined;
      if (size === undefined) throw error;
      return { accepted: true, size };
    });
  }

  async cancel(id: string): Promise<boolean> {
    if (!ID.test(id)) return false;
    return await this.#sessions.enter(this.#storage.keyOf(id), async () => await this.#discard(id), { endOther: true });
  }

  async put(digest: Digest, chunks: ByteStream, options: AppendOptions = {}): Promise<number> {
    const id = await this.start(algorithmOf(digest));
    try {
      return (await this.commit(id, digest, chunks, options)).size;
    } catch (error) {
      await this.cancel(id);
      throw error;
    }
  }

  async #enter<T>(id: string, action: (upload: LockedUpload) => Promise<T>): Promise<T> {
    if (!ID.test(id)) throw noUpload(id);
    const key = this.#storage.keyOf(id);
    const size = await this.#storage.size(id);
    // The client of this request cannot know of bytes that a running request has added.
    const sizeBefore = this.#sessions.of(key).sizeAtStart ?? size;
    return await this.#sessions.enter(key, async (session, turn) => {
      const bytes = await this.#storage.open(id);
      if (bytes === undefined) {
        this.#sessions.forget(key);
        throw noUpload(id);
      }
      try {
        return await action({ key, bytes, session, turn, sizeBefore: turn.waited ? sizeBefore : undefined });
      } catch (error) {
        // Otherwise it would keep the disk full.
        if (isCoded(error, 'ERR_EXPORT_DISK_FULL')) await this.#discard(id);
        throw error;
      } finally {
        session.sizeAtStart = undefined;
        await bytes.close();
      }
    });
  }

  /** The size of an upload that is already larger than the offset, so that waiting for another request cannot help. */
  async #sizePassed(id: string, { offset }: AppendOptions): Promise<number | undefined> {
    const size = offset === undefined ? undefined : await this.size(id);
    return offset !== undefined && size !== undefined && size > offset ? size : undefined;
  }

  /** The size of the blob of a finished upload, if it has this digest. */
  async #publishedSize(id: string, digest: Digest): Promise<number | undefined> {
    const isSame = this.#sessions.published(this.#storage.keyOf(id)) === digest;
    return isSame ? await this.#blobs.size(digest) : undefined;
  }

  async #discard(id: string): Promise<boolean> {
    this.#sessions.forget(this.#storage.keyOf(id));
    return await this.#storage.remove(id);
  }

  async #take(upload: LockedUpload, chunks: ByteStream | undefined, options: TakeOptions): Promise<AppendResult> {
    const { bytes, session, turn, sizeBefore } = upload;
    const { offset, maxSizeBytes = Number.MAX_SAFE_INTEGER, algorithm } = options;
    const position = await bytes.size();
    session.sizeAtStart = position;
    // Bytes without an offset belong at the size that the upload had when they were sent.
    const expected = offset ?? (chunks === undefined ? undefined : sizeBefore);
    if (expected !== undefined && expected !== position) return { accepted: false, size: position };
    if (position === 0) session.digester = new Digester(algorithm ?? session.digester?.algorithm);
    else if (session.digester?.size !== position) session.digester = undefined;
    const { digester } = session;
    if (chunks === undefined) return { accepted: true, size: position };
    const { signal, onReceived } = turn;
    const size = await bytes.append(chunks, { position, digester, maxSizeBytes, signal, onReceived });
    return { accepted: true, size };
  }
}

interface LockedUpload {
  readonly key: string;
  readonly bytes: OpenUpload;
  readonly session: UploadSession;
  readonly turn: Turn;
  /** The size in bytes before the request that this one waited for; undefined if it did not wait. */
  readonly sizeBefore: number | undefined;
}

/** The digest of an upload: hashed while the bytes arrived, or, after a restart, by reading them again. */
async function digestOfUpload({ bytes, session }: LockedUpload, size: number, algorithm: DigestAlgorithm) {
  const { digester } = session;
  if (digester?.algorithm === algorithm && digester.size === size) return digester.digest();
  const again = new Digester(algorithm);
  for await (const chunk of bytes.read()) again.update(chunk);
  return again.digest();
}

function noUpload(id: string): CodedError {
  return new CodedError('ERR_EXPORT_NOT_FOUND', `upload ${JSON.stringify(id.slice(0, 64))} not found`, {
    hint: 'start a new upload',
  });
}
