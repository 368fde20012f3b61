import type { Descriptor, Digest } from '#core';
import { type ByteStream, collect, type FetchOptions, type Repository } from '#oci/image';

/** Larger contents are not kept. */
const MAX_ENTRY_BYTES = 32 * 1024 * 1024;

/** Bytes of contents by their digest, the least recently used leaving first. What a digest names cannot change. */
export class DigestCache {
  readonly #maxBytes: number;
  readonly #bytes = new Map<string, Uint8Array>();
  #used = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(digest: Digest): Uint8Array | undefined {
    const bytes = this.#bytes.get(digest);
    if (bytes === undefined) return undefined;
    this.#bytes.delete(digest);
    this.#bytes.set(digest, bytes);
    return bytes;
  }

  add(digest: Digest, bytes: Uint8Array): void {
    if (this.#bytes.has(digest)) return;
    this.#bytes.set(digest, bytes);
    this.#used += bytes.byteLength;
    for (const [oldest, { byteLength }] of this.#bytes) {
      if (this.#used <= this.#maxBytes) return;
      this.#bytes.delete(oldest);
      this.#used -= byteLength;
    }
  }
}

/**
 * A repository whose small contents are read once. Only bytes under their own digest are kept: tags, lists of referrers
 * and whether something exists are always asked of the repository.
 */
export function cachedByDigest(repository: Repository, cache: DigestCache): Repository {
  const fetch = async (descriptor: Descriptor, options: FetchOptions = {}): Promise<ByteStream> => {
    const { digest, size } = descriptor;
    if (size > MAX_ENTRY_BYTES || options.range !== undefined || options.into !== undefined) {
      return repository.fetch(descriptor, options);
    }
    const held = cache.get(digest) ?? (await collect(await repository.fetch(descriptor, options), size, digest));
    cache.add(digest, held);
    return only(held);
  };
  return new Proxy(repository, {
    get(target, name) {
      if (name === 'fetch') return fetch;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

async function* only(bytes: Uint8Array): ByteStream {
  yield bytes;
}
