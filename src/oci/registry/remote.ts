import type { Digest } from '#core';
import { repositoryScope, type Scopes } from './auth.ts';
import type { RegistryClient } from './http/registry-client.ts';

/** One repository of a registry as the parts of the client share it. */
export class Remote {
  readonly client: RegistryClient;
  /** What it is called in messages. */
  readonly name: string;
  /** Its name in the registry's API. */
  readonly repository: string;
  readonly manifests: ManifestCache = new ManifestCache();
  readonly asking: Asking = new Asking();
  /** Where uploads are written down, so that another process goes on with them; undefined to do without. */
  readonly stateFolder: string | undefined;
  /**
   * Whether the registry lists referrers, `untyped` where it gives its lists another media type than that of an index;
   * undefined until it was asked.
   */
  listsReferrers: boolean | 'untyped' | undefined;
  #writes: boolean;

  /** @param writes ask for the right to write from the start */
  constructor(client: RegistryClient, name: string, repository: string, writes: boolean, stateFolder?: string) {
    this.client = client;
    this.stateFolder = stateFolder;
    this.name = name;
    this.repository = repository;
    this.#writes = writes;
  }

  /** A URL below this repository. */
  url(path: string): URL {
    return new URL(`/v2/${this.repository}/${path}`, this.client.origin);
  }

  /** Says that there will be writing: from now on a token to write is asked for and serves for reading too. */
  willWrite(): void {
    this.#writes = true;
  }

  get toRead(): Scopes {
    return this.#writes ? this.toWrite : repositoryScope(this.repository, 'pull');
  }

  get toWrite(): Scopes {
    return repositoryScope(this.repository, 'pull', 'push');
  }

  get toDelete(): Scopes {
    return repositoryScope(this.repository, 'pull', 'delete');
  }
}

/** Up to here, to ask for a blob takes a registry about as long as to take it. */
const MAX_UNASKED_BYTES = 64 * 1024;
const ASKED_FIRST = 16;
const ASKED_EVERY = 8;

/**
 * Whether to ask for a blob before it is sent. Where so many in a row were not there, most that follow will not be
 * either, and the small among them are sent unasked but for samples. Whichever is found ends that: an upload that was
 * broken off, or content that changed in part, is asked for piece by piece.
 */
export class Asking {
  #missedInARow = 0;
  #unasked = 0;

  /** Whether it pays for a blob of `sizeBytes`. */
  pays(sizeBytes: number): boolean {
    if (sizeBytes > MAX_UNASKED_BYTES || this.#missedInARow < ASKED_FIRST) return true;
    this.#unasked = (this.#unasked + 1) % ASKED_EVERY;
    return this.#unasked === 0;
  }

  note(found: boolean): void {
    this.#missedInARow = found ? 0 : this.#missedInARow + 1;
  }
}

const MAX_CACHED_BYTES = 16 * 1024 * 1024;

/** Manifests that went by, so that tagging one does not fetch it again. */
export class ManifestCache {
  readonly #held = new Map<Digest, Uint8Array>();
  #bytes = 0;

  get(digest: Digest): Uint8Array | undefined {
    return this.#held.get(digest);
  }

  put(digest: Digest, bytes: Uint8Array): void {
    if (this.#held.has(digest) || bytes.byteLength > MAX_CACHED_BYTES) return;
    this.#held.set(digest, bytes);
    this.#bytes += bytes.byteLength;
    for (const [oldest, { byteLength }] of this.#held) {
      if (this.#bytes <= MAX_CACHED_BYTES) break;
      this.#held.delete(oldest);
      this.#bytes -= byteLength;
    }
  }

  delete(digest: Digest): void {
    this.#bytes -= this.#held.get(digest)?.byteLength ?? 0;
    this.#held.delete(digest);
  }
}
