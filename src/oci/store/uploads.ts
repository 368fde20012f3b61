import { randomUUID } from 'node:crypto';
import { algorithmOf, CodedError, type Digest, type DigestAlgorithm, Digester, isCoded } from '#core';
import type { ByteStream } from '#oci/image';
import type { ReceiveOptions } from './receive.ts';
import type { AppendOptions, AppendResult, BlobStore, UploadStore } from './registry-store.ts';
import type { Session, Sessions, Turn } from './sessions.ts';

/** Where a storage keeps the uploads of one repository. Ids are UUIDs; nobody else writes to an open upload. */
export interface UploadArea {
  /** A name for an upload that no other has in this process. */
  keyOf(id: string): string;
  /** Begins an upload of no bytes. */
  create(id: string): Promise<void>;
  /** Its size in bytes; undefined where there is no such upload. */
  size(id: string): Promise<number | undefined>;
  /** Opens an upload to be written; undefined where there is no such upload. */
  open(id: string): Promise<OpenUpload | undefined>;
  /** Removes an upload. False where there was no such upload. */
  remove(id: string): Promise<boolean>;
}

/** An upload that one call is at work on. */
export interface OpenUpload {
  /** In bytes. */
  size(): Promise<number>;
  /**
   * Adds what `receive` yields at the end. When the stream fails, all that came before is kept, and the error thrown on.
   *
   * @returns the size in bytes afterwards
   */
  append(chunks: ByteStream, options: ReceiveOptions): Promise<number>;
  /** All bytes so far; the memory of a chunk may be used again for the next. */
  read(): AsyncIterable<Uint8Array>;
  /** Makes the bytes, which were verified, a blob of the repository, durably, and ends the upload. */
  publish(digest: Digest): Promise<void>;
  close(): Promise<void>;
}

interface TakeOptions extends AppendOptions {
  /** What to hash with, should these be the first bytes. */
  readonly algorithm?: DigestAlgorithm;
}

const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Uploads into one repository, in any storage: the digest is taken while bytes come, requests on one upload wait for one
 * another, and an upload is invisible until its digest is told and right.
 */
export class Uploads implements UploadStore {
  readonly #area: UploadArea;
  readonly #blobs: Pick<BlobStore, 'size'>;
  readonly #sessions: Sessions;

  constructor(area: UploadArea, blobs: Pick<BlobStore, 'size'>, sessions: Sessions) {
    this.#area = area;
    this.#blobs = blobs;
    this.#sessions = sessions;
  }

  async start(algorithm: DigestAlgorithm = 'sha256'): Promise<string> {
    const id = randomUUID();
    await this.#area.create(id);
    this.#sessions.of(this.#area.keyOf(id)).digester = new Digester(algorithm);
    return id;
  }

  async size(id: string): Promise<number | undefined> {
    return ID.test(id) ? await this.#area.size(id) : undefined;
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
        await this.#drop(id);
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
    return await this.#sessions.enter(this.#area.keyOf(id), async () => await this.#drop(id), { endOther: true });
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

  async #enter<T>(id: string, action: (upload: EnteredUpload) => Promise<T>): Promise<T> {
    if (!ID.test(id)) throw noUpload(id);
    const key = this.#area.keyOf(id);
    const size = await this.#area.size(id);
    // What another request has added by now is nothing that this one could know of.
    const sizeBefore = this.#sessions.of(key).sizeAtStart ?? size;
    return await this.#sessions.enter(key, async (session, turn) => {
      const bytes = await this.#area.open(id);
      if (bytes === undefined) {
        this.#sessions.forget(key);
        throw noUpload(id);
      }
      try {
        return await action({ key, bytes, session, turn, sizeBefore: turn.waited ? sizeBefore : undefined });
      } catch (error) {
        // Left there, it would keep the disk full.
        if (isCoded(error, 'ERR_EXPORT_DISK_FULL')) await this.#drop(id);
        throw error;
      } finally {
        session.sizeAtStart = undefined;
        await bytes.close();
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
    const isSame = this.#sessions.published(this.#area.keyOf(id)) === digest;
    return isSame ? await this.#blobs.size(digest) : undefined;
  }

  async #drop(id: string): Promise<boolean> {
    this.#sessions.forget(this.#area.keyOf(id));
    return await this.#area.remove(id);
  }

  async #take(upload: EnteredUpload, chunks: ByteStream | undefined, options: TakeOptions): Promise<AppendResult> {
    const { bytes, session, turn, sizeBefore } = upload;
    const { offset, maxSizeBytes = Number.MAX_SAFE_INTEGER, algorithm } = options;
    const position = await bytes.size();
    session.sizeAtStart = position;
    // Bytes without an offset were meant for the end that the upload had when they were sent.
    const expected = offset ?? (chunks === undefined ? undefined : sizeBefore);
    if (expected !== undefined && expected !== position) return { accepted: false, size: position };
    if (position === 0) session.digester = new Digester(algorithm ?? session.digester?.algorithm);
    else if (session.digester?.size !== position) session.digester = undefined;
    const { digester } = session;
    if (chunks === undefined) return { accepted: true, size: position };
    const { signal, moved } = turn;
    const size = await bytes.append(chunks, { position, digester, maxSizeBytes, signal, moved });
    return { accepted: true, size };
  }
}

interface EnteredUpload {
  readonly key: string;
  readonly bytes: OpenUpload;
  readonly session: Session;
  readonly turn: Turn;
  /** The size in bytes before the request that was waited for; undefined where there was none. */
  readonly sizeBefore: number | undefined;
}

/** The digest of an upload: as it was taken while the bytes came, or, after a restart, from its bytes. */
async function digestOfUpload({ bytes, session }: EnteredUpload, size: number, algorithm: DigestAlgorithm) {
  const { digester } = session;
  if (digester?.algorithm === algorithm && digester.size === size) return digester.digest();
  const again = new Digester(algorithm);
  for await (const chunk of bytes.read()) again.update(chunk);
  return again.digest();
}

function noUpload(id: string): CodedError {
  return new CodedError('ERR_EXPORT_NOT_FOUND', `no upload ${JSON.stringify(id.slice(0, 64))}`, {
    hint: 'begin a new upload',
  });
}
