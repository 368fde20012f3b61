import type { Digest } from '#core';
import type { ByteRange } from '#oci/image';
import type { BlobStore, StoredBlob } from '../registry-store.ts';
import type { Content, RepositoryContent } from './content.ts';

/** As the interface specifies. */
const CHUNK_SIZE_BYTES = 1024 * 1024;

/** The blobs of one repository, among the tenant's bytes. */
export class MemoryBlobs implements BlobStore {
  readonly #bytes: Content;
  readonly #repository: RepositoryContent;

  constructor(bytes: Content, repository: RepositoryContent) {
    this.#bytes = bytes;
    this.#repository = repository;
  }

  async size(digest: Digest): Promise<number | undefined> {
    return this.#repository.blobs.has(digest) ? this.#bytes.get(digest)?.byteLength : undefined;
  }

  async use(digest: Digest): Promise<number | undefined> {
    return await this.size(digest);
  }

  async open(digest: Digest): Promise<StoredBlob | undefined> {
    const bytes = this.#repository.blobs.has(digest) ? this.#bytes.get(digest) : undefined;
    if (bytes === undefined) return undefined;
    return { size: bytes.byteLength, read: (range) => chunksOf(bytes, range), close: async () => undefined };
  }

  async mount(digest: Digest, from?: Pick<BlobStore, 'size'>): Promise<boolean> {
    if (from !== undefined && (await from.size(digest)) === undefined) return false;
    if (!this.#bytes.has(digest)) return false;
    this.#link(digest);
    return true;
  }

  async delete(digest: Digest): Promise<boolean> {
    return this.#repository.blobs.delete(digest);
  }

  /** Stores verified bytes. */
  put(digest: Digest, bytes: Uint8Array): void {
    this.#bytes.set(digest, bytes);
    this.#link(digest);
  }

  #link(digest: Digest): void {
    this.#repository.blobs.add(digest);
    this.#repository.isUsed = true;
  }
}

async function* chunksOf(bytes: Uint8Array, range?: ByteRange): AsyncGenerator<Uint8Array> {
  const { start, end } = range ?? { start: 0, end: bytes.byteLength - 1 };
  for (let at = start; at <= end; at += CHUNK_SIZE_BYTES) {
    // A copy: chunks belong to the reader, who may modify them.
    yield Uint8Array.from(bytes.subarray(at, Math.min(at + CHUNK_SIZE_BYTES, end + 1)));
  }
}
