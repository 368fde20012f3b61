import type { Digest } from '#core';
import type { ByteStream } from '#oci/image';
import { type ReceiveOptions, receive } from '../receive.ts';
import type { OpenUpload, UploadStorage } from '../uploads.ts';
import type { MemoryBlobs } from './blobs.ts';
import type { RepositoryContent } from './content.ts';

/** The uploads of one repository: their received chunks. */
export class MemoryUploads implements UploadStorage {
  readonly #name: string;
  readonly #repository: RepositoryContent;
  readonly #blobs: MemoryBlobs;

  constructor(name: string, repository: RepositoryContent, blobs: MemoryBlobs) {
    this.#name = name;
    this.#repository = repository;
    this.#blobs = blobs;
  }

  keyOf(id: string): string {
    return `${this.#name} ${id}`;
  }

  async create(id: string): Promise<void> {
    this.#repository.uploads.set(id, []);
  }

  async size(id: string): Promise<number | undefined> {
    const chunks = this.#repository.uploads.get(id);
    return chunks === undefined ? undefined : sizeOf(chunks);
  }

  async open(id: string): Promise<OpenUpload | undefined> {
    const chunks = this.#repository.uploads.get(id);
    if (chunks === undefined) return undefined;
    return {
      size: async () => sizeOf(chunks),
      append: async (stream, options) => await append(chunks, stream, options),
      read: () => stream(chunks),
      publish: async (digest: Digest) => {
        this.#blobs.put(digest, Buffer.concat(chunks));
        this.#repository.uploads.delete(id);
      },
      close: async () => undefined,
    };
  }

  async remove(id: string): Promise<boolean> {
    return this.#repository.uploads.delete(id);
  }
}

async function append(chunks: Uint8Array[], more: ByteStream, options: ReceiveOptions): Promise<number> {
  for await (const chunk of receive(more, options)) chunks.push(chunk);
  return sizeOf(chunks);
}

async function* stream(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

function sizeOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((size, { byteLength }) => size + byteLength, 0);
}
