import { constants, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CodedError, type Digest, fileError, syncFolder, syncIfSupported } from '#core';
import type { ByteStream } from '#oci/image';
import type { ReceiveOptions } from '../receive.ts';
import type { OpenUpload, UploadStorage } from '../uploads.ts';
import type { Blobs } from './blobs.ts';
import { isMissing, sizeOf } from './files.ts';
import type { RepositoryPaths, TenantPaths } from './paths.ts';
import { writeStream } from './write-stream.ts';

/** The buffer for reading an upload again. */
const READ_SIZE_BYTES = 1024 * 1024;

/**
 * The uploads of one repository. An upload is a file that is appended to, so acknowledged bytes survive the process.
 */
export class UploadDirectory implements UploadStorage {
  readonly #tenant: TenantPaths;
  readonly #repository: RepositoryPaths;
  readonly #blobs: Blobs;

  constructor(tenant: TenantPaths, repository: RepositoryPaths, blobs: Blobs) {
    this.#tenant = tenant;
    this.#repository = repository;
    this.#blobs = blobs;
  }

  keyOf(id: string): string {
    return this.#repository.upload(id);
  }

  async create(id: string): Promise<void> {
    const path = this.#repository.upload(id);
    await this.#tenant.files.inFolder(this.#repository.uploads, async () => {
      const file = await this.#tenant.files.open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL);
      await file.close();
    });
  }

  async size(id: string): Promise<number | undefined> {
    return await sizeOf(this.#repository.upload(id));
  }

  async open(id: string): Promise<OpenUpload | undefined> {
    const path = this.#repository.upload(id);
    try {
      const file = await this.#tenant.files.open(path, constants.O_RDWR);
      return new UploadFile(file, path, (digest) => this.#publish(path, digest));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw fileError(error, path);
    }
  }

  async remove(id: string): Promise<boolean> {
    return await this.#tenant.files.remove(this.#repository.upload(id));
  }

  async #publish(path: string, digest: Digest): Promise<void> {
    const blob = this.#tenant.blob(digest);
    // Replaces an existing blob too: these bytes were just verified, and those may be damaged.
    await this.#tenant.files.moveInto(path, blob);
    await syncFolder(dirname(blob));
    if (await this.#blobs.link(digest)) return;
    throw new CodedError(
      'ERR_EXPORT_STORE_INVALID',
      `${digest}: deleted by another program just after it was written`,
      {
        hint: 'check that nothing else deletes files of the store, then send the content again',
      },
    );
  }
}

class UploadFile implements OpenUpload {
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #publish: (digest: Digest) => Promise<void>;

  constructor(file: FileHandle, path: string, publish: (digest: Digest) => Promise<void>) {
    this.#file = file;
    this.#path = path;
    this.#publish = publish;
  }

  async size(): Promise<number> {
    return (await this.#file.stat()).size;
  }

  async append(chunks: ByteStream, options: ReceiveOptions): Promise<number> {
    return await writeStream(chunks, this.#file, { ...options, path: this.#path });
  }

  /** The memory of a chunk is reused for the next. */
  async *read(): AsyncGenerator<Uint8Array> {
    const buffer = Buffer.allocUnsafeSlow(READ_SIZE_BYTES);
    for (let position = 0; ; ) {
      const bytesRead = await this.#fill(buffer, position);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      position += bytesRead;
    }
  }

  async publish(digest: Digest): Promise<void> {
    try {
      await syncIfSupported(this.#file.datasync());
      await this.#publish(digest);
    } catch (error) {
      throw fileError(error, this.#path);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #fill(buffer: Buffer, position: number): Promise<number> {
    try {
      return (await this.#file.read(buffer, 0, buffer.byteLength, position)).bytesRead;
    } catch (error) {
      throw fileError(error, this.#path);
    }
  }
}
