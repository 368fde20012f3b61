import { algorithmOf, CodedError, type Digest, Digester } from '#core';
import { type Manifest, parseManifest, successorsOf } from '../manifest.ts';
import { BlobFile } from './blob-file.ts';
import { neededBy } from './manifests.ts';
import type { Store, StoredRepository } from './store.ts';
import { digestFiles, repositoryNames } from './walk.ts';

/** Something in a store that is not as it should be. */
export interface StoreFinding {
  /** `missing`: named and not there; `damaged`: not what its name says; `unreachable`: there, and named by nothing. */
  readonly kind: 'missing' | 'damaged' | 'unreachable';
  readonly object: 'blob' | 'manifest' | 'tag' | 'referrer';
  /** What it is about: a digest, or a tag. */
  readonly name: string;
  /** Absent where it is about the bytes that all repositories share. */
  readonly repository?: string;
  /** The manifest that names what is missing. */
  readonly namedBy?: Digest;
}

/** How a check is watched and ended. */
export interface CheckOptions {
  /** Called with the number of bytes that have just been hashed. */
  readonly onBytes?: (sizeBytes: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Reads all of a store and tells what is not as it should be; nothing is changed. What is unreachable is no fault:
 * a push under way looks like that, and garbage collection takes it in time.
 */
export async function* checkStore(store: Store, options: CheckOptions = {}): AsyncGenerator<StoreFinding> {
  const sound = new Set<Digest>();
  const damaged = new Set<Digest>();
  for await (const { digest, path } of digestFiles(store.paths.blobs)) {
    options.signal?.throwIfAborted();
    if ((await hashFile(path, digest, options)) === digest) sound.add(digest);
    else damaged.add(digest);
  }
  for (const name of damaged) yield { kind: 'damaged', object: 'blob', name };
  const had = new Set<Digest>();
  for await (const name of repositoryNames(store.paths)) {
    options.signal?.throwIfAborted();
    const check = new RepositoryCheck(store.repository(name), sound, damaged);
    yield* check.run();
    for (const digest of check.had) had.add(digest);
  }
  for (const name of sound) if (!had.has(name)) yield { kind: 'unreachable', object: 'blob', name };
}

class RepositoryCheck {
  /** What the repository has, by its links. */
  readonly had = new Set<Digest>();
  readonly #repository: StoredRepository;
  readonly #sound: ReadonlySet<Digest>;
  readonly #damaged: ReadonlySet<Digest>;
  readonly #blobs = new Set<Digest>();
  readonly #manifests = new Map<Digest, Manifest | undefined>();

  constructor(repository: StoredRepository, sound: ReadonlySet<Digest>, damaged: ReadonlySet<Digest>) {
    this.#repository = repository;
    this.#sound = sound;
    this.#damaged = damaged;
  }

  async *run(): AsyncGenerator<StoreFinding> {
    const { paths } = this.#repository;
    for await (const { digest } of digestFiles(paths.blobLinks)) this.#blobs.add(digest);
    for await (const { digest } of digestFiles(paths.manifestLinks)) this.#manifests.set(digest, undefined);
    for (const digest of [...this.#blobs, ...this.#manifests.keys()]) this.had.add(digest);
    for (const digest of this.#manifests.keys()) {
      const manifest = await this.#read(digest);
      this.#manifests.set(digest, manifest);
      if (manifest === undefined) yield this.#finding(this.#isLost(digest) ? 'missing' : 'damaged', 'manifest', digest);
      else yield* this.#checkManifest(digest, manifest);
    }
    yield* this.#checkBlobs();
    yield* this.#checkTags();
  }

  async *#checkManifest(digest: Digest, manifest: Manifest): AsyncGenerator<StoreFinding> {
    for (const child of neededBy(manifest)) {
      if (this.had.has(child.digest)) continue;
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
      return bytes === undefined ? undefined : parseManifest(bytes, descriptor?.mediaType, digest);
    } catch (error) {
      if (error instanceof CodedError) return undefined;
      throw error;
    }
  }

  #isLost(digest: Digest): boolean {
    return !this.#sound.has(digest) && !this.#damaged.has(digest);
  }

  #finding(kind: StoreFinding['kind'], object: StoreFinding['object'], name: string): StoreFinding {
    return { kind, object, name, repository: this.#repository.name };
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
