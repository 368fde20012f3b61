import { algorithmOf, CodedError, type Digest, Digester, isSystemError } from '#core';
import { type Manifest, parseHeldManifest, successorsOf, usableInlineData } from '#oci/image';
import { neededBy } from '../manifest-rules.ts';
import { BlobFile } from './blob-file.ts';
import type { DiskRepository, DiskStore } from './store.ts';
import { digestFiles, repositoryNames } from './walk.ts';

/** A problem found in a store. */
export interface StoreFinding {
  /**
   * `missing`: referenced but absent; `damaged`: does not match its digest; `unreadable`: cannot be read (permissions or
   * disk errors); `wrongSize`: referenced with another size; `unreachable`: not referenced.
   */
  readonly kind: 'missing' | 'damaged' | 'unreadable' | 'wrongSize' | 'unreachable';
  readonly object: 'blob' | 'manifest' | 'tag' | 'referrer';
  /** A digest or a tag. */
  readonly name: string;
  /** Absent for bytes that are shared by all repositories. */
  readonly repository?: string;
  /** The manifest that refers to it. */
  readonly namedBy?: Digest;
}

/** Progress and cancellation of a check. */
export interface CheckOptions {
  /** Called with the number of bytes just hashed. */
  readonly onBytes?: (sizeBytes: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Reads and verifies the whole store, and changes nothing. Unreachable content is not an error: it may belong to a
 * running push, and garbage collection deletes it later.
 */
export async function* checkStore(store: DiskStore, options: CheckOptions = {}): AsyncGenerator<StoreFinding> {
  const valid = new Map<Digest, number>();
  const faults = new Map<Digest, Fault>();
  for await (const { digest, path } of digestFiles(store.paths.blobs)) {
    options.signal?.throwIfAborted();
    const found = await readFileOf(path, digest, options);
    if (typeof found === 'number') valid.set(digest, found);
    else faults.set(digest, found);
  }
  for (const [name, kind] of faults) yield { kind, object: 'blob', name };
  const present = new Set<Digest>();
  for await (const name of repositoryNames(store.paths)) {
    options.signal?.throwIfAborted();
    const check = new RepositoryCheck(store.repository(name), valid, faults);
    yield* check.run();
    for (const digest of check.present) present.add(digest);
  }
  for (const name of valid.keys()) if (!present.has(name)) yield { kind: 'unreachable', object: 'blob', name };
}

class RepositoryCheck {
  /** The blobs and manifests of the repository, by their links. */
  readonly present = new Set<Digest>();
  readonly #repository: DiskRepository;
  /** Sizes of the valid blobs, in bytes. */
  readonly #valid: ReadonlyMap<Digest, number>;
  readonly #faults: ReadonlyMap<Digest, Fault>;
  readonly #blobs = new Set<Digest>();
  readonly #manifests = new Map<Digest, Manifest | undefined>();

  constructor(repository: DiskRepository, valid: ReadonlyMap<Digest, number>, faults: ReadonlyMap<Digest, Fault>) {
    this.#repository = repository;
    this.#valid = valid;
    this.#faults = faults;
  }

  async *run(): AsyncGenerator<StoreFinding> {
    const { paths } = this.#repository;
    for await (const { digest } of digestFiles(paths.blobLinks)) this.#blobs.add(digest);
    for await (const { digest } of digestFiles(paths.manifestLinks)) this.#manifests.set(digest, undefined);
    for (const digest of [...this.#blobs, ...this.#manifests.keys()]) this.present.add(digest);
    for (const digest of this.#manifests.keys()) {
      const manifest = await this.#read(digest);
      this.#manifests.set(digest, manifest);
      const fault = this.#isLost(digest) ? 'missing' : (this.#faults.get(digest) ?? 'damaged');
      if (manifest === undefined) yield this.#finding(fault, 'manifest', digest);
      else yield* this.#checkManifest(digest, manifest);
    }
    yield* this.#checkBlobs();
    yield* this.#checkTags();
  }

  async *#checkManifest(digest: Digest, manifest: Manifest): AsyncGenerator<StoreFinding> {
    for (const child of neededBy(manifest)) {
      const size = this.#valid.get(child.digest) ?? child.size;
      if (size !== child.size) yield { ...this.#finding('wrongSize', 'blob', child.digest), namedBy: digest };
      if (this.present.has(child.digest) || usableInlineData(child) !== undefined) continue;
      yield { ...this.#finding('missing', 'blob', child.digest), namedBy: digest };
    }
    const { subject } = manifest;
    if (subject === undefined) return;
    try {
      if (await this.#repository.referrers.has(subject.digest, digest)) return;
      yield { ...this.#finding('missing', 'referrer', digest), namedBy: digest };
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      yield this.#finding('damaged', 'referrer', digest);
    }
  }

  *#checkBlobs(): Generator<StoreFinding> {
    const named = new Set<Digest>();
    for (const manifest of this.#manifests.values()) {
      for (const { digest } of manifest === undefined ? [] : successorsOf(manifest)) named.add(digest);
    }
    for (const digest of this.#blobs) {
      if (this.#isLost(digest)) yield this.#finding('missing', 'blob', digest);
      else if (!named.has(digest)) yield this.#finding('unreachable', 'blob', digest);
    }
  }

  async *#checkTags(): AsyncGenerator<StoreFinding> {
    const { tags } = this.#repository;
    for await (const tag of tags.all()) {
      try {
        const digest = await tags.read(tag);
        if (digest !== undefined && !this.#manifests.has(digest)) yield this.#finding('missing', 'tag', tag);
      } catch (error) {
        if (!(error instanceof CodedError)) throw error;
        yield this.#finding('damaged', 'tag', tag);
      }
    }
  }

  async #read(digest: Digest): Promise<Manifest | undefined> {
    const { manifests } = this.#repository;
    try {
      const descriptor = await manifests.describe(digest);
      const bytes = descriptor === undefined ? undefined : await manifests.read(descriptor);
      return bytes === undefined ? undefined : parseHeldManifest(bytes, descriptor?.mediaType, digest);
    } catch (error) {
      if (error instanceof CodedError) return undefined;
      throw error;
    }
  }

  #isLost(digest: Digest): boolean {
    return !this.#valid.has(digest) && !this.#faults.has(digest);
  }

  #finding(kind: StoreFinding['kind'], object: StoreFinding['object'], name: string): StoreFinding {
    return { kind, object, name, repository: this.#repository.name };
  }
}

/** The possible faults of a blob file. */
type Fault = 'damaged' | 'unreadable';

/** The size of a valid file in bytes, or its fault. */
async function readFileOf(path: string, digest: Digest, options: CheckOptions): Promise<number | Fault> {
  let size = 0;
  const onBytes = (sizeBytes: number) => {
    size += sizeBytes;
    options.onBytes?.(sizeBytes);
  };
  try {
    return (await hashFile(path, digest, { ...options, onBytes })) === digest ? size : 'damaged';
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof CodedError || isSystemError(error, 'EACCES', 'EPERM', 'EIO')) return 'unreadable';
    throw error;
  }
}

async function hashFile(path: string, digest: Digest, { onBytes, signal }: CheckOptions): Promise<Digest | undefined> {
  const digester = new Digester(algorithmOf(digest));
  const blob = await BlobFile.open(path);
  if (blob === undefined) return undefined;
  await blob.send({ start: 0, end: blob.size - 1 }, async (piece) => {
    signal?.throwIfAborted();
    digester.update(piece);
    onBytes?.(piece.byteLength);
  });
  return digester.digest();
}
