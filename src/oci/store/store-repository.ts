import { CodedError, type Descriptor, type Digest, isDigest, isManifestType } from '#core';
import type {
  ByteStream,
  ContentReader,
  FetchOptions,
  PushOptions,
  PushOutcome,
  ReferrerFilter,
  Repository,
} from '#oci/image';
import { collect, isTag, maxManifestBytes, verifyStream } from '#oci/image';
import type { RegistryStore, StoredRepository } from './registry-store.ts';

/** Adapts a repository of a store to the Repository interface, so that an export can write to it without a network. */
export function openStoreRepository(store: RegistryStore, name: string): Repository {
  return new StoreRepository(store, store.repository(name));
}

class StoreRepository implements Repository {
  readonly name: string;
  readonly #store: RegistryStore;
  readonly #repository: StoredRepository;

  constructor(store: RegistryStore, repository: StoredRepository) {
    this.name = `store:${store.tenant}/${repository.name}`;
    this.#store = store;
    this.#repository = repository;
  }

  async resolve(name: string): Promise<Descriptor | undefined> {
    const { manifests, tags } = this.#repository;
    if (isDigest(name)) return await manifests.describe(name);
    const digest = isTag(name) ? await tags.read(name) : undefined;
    return digest === undefined ? undefined : await manifests.describe(digest);
  }

  async fetch(descriptor: Descriptor, { range, signal }: FetchOptions = {}): Promise<ByteStream> {
    signal?.throwIfAborted();
    const stream = isManifestType(descriptor.mediaType)
      ? await this.#fetchManifest(descriptor, range)
      : await this.#fetchBlob(descriptor, range);
    if (stream === undefined) throw this.#missing(descriptor.digest);
    return stoppable(range === undefined ? verifyStream(descriptor, stream, this.name) : stream, signal);
  }

  async exists({ mediaType, digest, size }: Descriptor): Promise<boolean> {
    const { blobs, manifests } = this.#repository;
    if (isManifestType(mediaType)) return (await manifests.describe(digest)) !== undefined;
    return (await blobs.use(digest)) === size;
  }

  async push(descriptor: Descriptor, content: ContentReader, options: PushOptions = {}): Promise<PushOutcome> {
    options.signal?.throwIfAborted();
    if (await this.exists(descriptor)) return 'present';
    const { mediaType, digest } = descriptor;
    const { blobs, uploads, manifests } = this.#repository;
    if (isManifestType(mediaType)) {
      const stream = verifyStream(descriptor, counted(await content(0), options), this.name);
      await manifests.put(await collect(stream, maxManifestBytes, digest), { mediaType, digest });
      return 'uploaded';
    }
    const { mountFrom } = options;
    if (mountFrom !== undefined && (await blobs.mount(digest, this.#store.repository(mountFrom).blobs))) {
      return 'mounted';
    }
    await uploads.put(digest, verifyStream(descriptor, counted(await content(0), options), this.name));
    return 'uploaded';
  }

  async tag({ digest }: Descriptor, tag: string): Promise<void> {
    await this.#repository.manifests.tag(digest, tag);
  }

  async untag(tag: string): Promise<boolean> {
    return await this.#repository.tags.delete(tag);
  }

  tags(): AsyncIterable<string> {
    return this.#repository.tags.all();
  }

  async *referrers(subject: Digest, { artifactType }: ReferrerFilter = {}): AsyncIterable<Descriptor> {
    let after: string | undefined;
    do {
      const { items, next } = await this.#repository.referrers.list(subject, { artifactType, after });
      yield* items;
      after = next;
    } while (after !== undefined);
  }

  async delete({ mediaType, digest }: Descriptor): Promise<boolean> {
    const { blobs, manifests } = this.#repository;
    return isManifestType(mediaType) ? await manifests.delete(digest) : await blobs.delete(digest);
  }

  async close(): Promise<void> {}

  /** Opens the blob when it is first read, so that an unread stream keeps no file open. */
  async #fetchBlob({ digest }: Descriptor, range: FetchOptions['range']): Promise<ByteStream | undefined> {
    const { blobs } = this.#repository;
    if ((await blobs.size(digest)) === undefined) return undefined;
    const missing = () => this.#missing(digest);
    return (async function* () {
      const blob = await blobs.open(digest);
      if (blob === undefined) throw missing();
      yield* blob.read(range);
    })();
  }

  async #fetchManifest(descriptor: Descriptor, range: FetchOptions['range']): Promise<ByteStream | undefined> {
    const stored = await this.#repository.manifests.describe(descriptor.digest);
    const bytes = stored === undefined ? undefined : await this.#repository.manifests.read(stored);
    return bytes === undefined ? undefined : once(range ? bytes.subarray(range.start, range.end + 1) : bytes);
  }

  #missing(digest: Digest): CodedError {
    return new CodedError('ERR_EXPORT_NOT_FOUND', `${this.name}: ${digest} not found`, {
      hint: 'push it again, or get it from another source',
      details: { digest },
    });
  }
}

async function* stoppable(stream: ByteStream, signal: AbortSignal | undefined): ByteStream {
  for await (const chunk of stream) {
    signal?.throwIfAborted();
    yield chunk;
  }
  signal?.throwIfAborted();
}

/** Reports the number of bytes, and stops when the signal is aborted. */
async function* counted(stream: ByteStream, { signal, onBytes }: PushOptions): ByteStream {
  for await (const chunk of stoppable(stream, signal)) {
    yield chunk;
    onBytes?.(chunk.byteLength);
  }
}

async function* once(bytes: Uint8Array): ByteStream {
  if (bytes.byteLength > 0) yield bytes;
}
