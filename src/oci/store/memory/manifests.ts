import { type Descriptor, type Digest, isManifestType } from '#core';
import { referrerDescriptor } from '#oci/image';
import { checkChildren, missing, parsePushed, verifyStored } from '../manifest-rules.ts';
import { parseTag } from '../names.ts';
import type { BlobStore, ManifestStore, PutManifest, StoredManifest } from '../registry-store.ts';
import type { Content, RepositoryContent } from './content.ts';

/** The manifests of one repository. Changes are made without an await in between, so that they are atomic. */
export class MemoryManifests implements ManifestStore {
  readonly #bytes: Content;
  readonly #repository: RepositoryContent;
  readonly #blobs: Pick<BlobStore, 'size'>;

  constructor(bytes: Content, repository: RepositoryContent, blobs: Pick<BlobStore, 'size'>) {
    this.#bytes = bytes;
    this.#repository = repository;
    this.#blobs = blobs;
  }

  async describe(digest: Digest): Promise<Descriptor | undefined> {
    return this.#repository.manifests.get(digest)?.descriptor;
  }

  async read(descriptor: Descriptor): Promise<Uint8Array | undefined> {
    const bytes = this.#bytes.get(descriptor.digest);
    return bytes === undefined ? undefined : verifyStored(descriptor, Uint8Array.from(bytes));
  }

  async put(bytes: Uint8Array, put: PutManifest = {}): Promise<StoredManifest> {
    const pushed = parsePushed(bytes, put);
    const { manifest, descriptor, tags } = pushed;
    await checkChildren(pushed, (child) => this.#sizeOf(child));
    const subject = manifest.subject?.digest;
    this.#bytes.set(descriptor.digest, Uint8Array.from(bytes));
    const referrer = referrerDescriptor(descriptor, manifest);
    this.#repository.manifests.set(descriptor.digest, { descriptor, subject, referrer });
    this.#repository.isUsed = true;
    for (const tag of tags) this.#repository.tags.set(tag, descriptor.digest);
    return { descriptor, subject };
  }

  async tag(digest: Digest, tag: string): Promise<void> {
    if (!this.#repository.manifests.has(digest)) throw missing(digest, undefined);
    this.#repository.tags.set(parseTag(tag), digest);
  }

  async delete(digest: Digest): Promise<boolean> {
    const { manifests, tags } = this.#repository;
    for (const [tag, named] of [...tags]) if (named === digest) tags.delete(tag);
    return manifests.delete(digest);
  }

  async #sizeOf({ mediaType, digest }: Descriptor): Promise<number | undefined> {
    const manifest = this.#repository.manifests.get(digest)?.descriptor.size;
    const blob = await this.#blobs.size(digest);
    return isManifestType(mediaType) ? (manifest ?? blob) : (blob ?? manifest);
  }
}
