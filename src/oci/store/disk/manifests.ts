import { CodedError, canonicalText, type Descriptor, type Digest, isManifestType, parseJsonObject } from '#core';
import { referrerDescriptor } from '#oci/image';
import { checkChildren, missing, parsePushed, verifyStored } from '../manifest-rules.ts';
import type { ManifestStore, PutManifest, StoredManifest } from '../registry-store.ts';
import type { Blobs } from './blobs.ts';
import { readSmallFile, sizeOf } from './files.ts';
import type { KeyedLock } from './keyed-lock.ts';
import type { RepositoryPaths, TenantPaths } from './paths.ts';
import type { Referrers } from './referrers.ts';
import type { Tags } from './tags.ts';

/** The parts of a repository that `Manifests` depends on. */
export interface ManifestParts {
  readonly blobs: Blobs;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly locks: KeyedLock;
}

/** The manifests of one repository: the bytes are among the tenant's blobs; a small file here has media type and size. */
export class Manifests implements ManifestStore {
  readonly #tenant: TenantPaths;
  readonly #paths: RepositoryPaths;
  readonly #parts: ManifestParts;

  constructor(tenant: TenantPaths, repository: RepositoryPaths, parts: ManifestParts) {
    this.#tenant = tenant;
    this.#paths = repository;
    this.#parts = parts;
  }

  async describe(digest: Digest): Promise<Descriptor | undefined> {
    const link = this.#paths.manifestLink(digest);
    const bytes = await readSmallFile(link);
    if (bytes === undefined) return undefined;
    const { mediaType, size } = parseJsonObject(bytes, link);
    if (typeof mediaType !== 'string' || typeof size !== 'number') {
      throw new CodedError('ERR_EXPORT_STORE_INVALID', `${link}: media type or size missing`, {
        hint: 'run export-center fsck --data DIR, then push the manifest again',
      });
    }
    return (await sizeOf(this.#tenant.blob(digest))) === size ? { mediaType, digest, size } : undefined;
  }

  async read(descriptor: Descriptor): Promise<Uint8Array | undefined> {
    const bytes = await readSmallFile(this.#tenant.blob(descriptor.digest));
    return bytes === undefined ? undefined : verifyStored(descriptor, bytes);
  }

  async put(bytes: Uint8Array, put: PutManifest = {}): Promise<StoredManifest> {
    const pushed = parsePushed(bytes, put);
    const { manifest, descriptor, tags } = pushed;
    const { digest } = descriptor;
    await checkChildren(pushed, (child) => this.#sizeOfChild(child));
    const subject = manifest.subject?.digest;
    await this.#parts.locks.run(this.#paths.manifestLink(digest), async () => {
      await this.#tenant.files.write(this.#tenant.blob(digest), bytes);
      if (subject !== undefined) await this.#parts.referrers.add(subject, referrerDescriptor(descriptor, manifest));
      await this.#tenant.files.write(this.#paths.manifestLink(digest), encodeLink(descriptor, subject));
      for (const tag of tags) await this.#parts.tags.write(tag, digest);
    });
    return { descriptor, subject };
  }

  async tag(digest: Digest, tag: string): Promise<void> {
    await this.#parts.locks.run(this.#paths.manifestLink(digest), async () => {
      if ((await this.#use(digest)) === undefined) throw missing(digest, undefined);
      await this.#parts.tags.write(tag, digest);
    });
  }

  async delete(digest: Digest): Promise<boolean> {
    const link = this.#paths.manifestLink(digest);
    return await this.#parts.locks.run(link, async () => {
      const bytes = await readSmallFile(link);
      await this.#parts.tags.deleteAllOf(digest);
      if (bytes === undefined) return false;
      const { subject } = parseJsonObject(bytes, link);
      const found = await this.#tenant.files.remove(link);
      if (typeof subject === 'string') await this.#parts.referrers.remove(subject as Digest, digest);
      return found;
    });
  }

  /** Looks among blobs or manifests by media type, then in the other, since an index may list anything. */
  async #sizeOfChild({ mediaType, digest }: Descriptor): Promise<number | undefined> {
    const asManifest = async () => (await this.#use(digest))?.size;
    const asBlob = async () => await this.#parts.blobs.use(digest);
    const [first, second] = isManifestType(mediaType) ? [asManifest, asBlob] : [asBlob, asManifest];
    return (await first()) ?? (await second());
  }

  /** As `describe`, for a manifest that a client is about to rely on: protects it from garbage collection for a while. */
  async #use(digest: Digest): Promise<Descriptor | undefined> {
    return (await this.#tenant.files.use(this.#paths.manifestLink(digest))) === undefined
      ? undefined
      : await this.describe(digest);
  }
}

function encodeLink({ mediaType, size }: Descriptor, subject: Digest | undefined): string {
  return `${canonicalText(subject === undefined ? { mediaType, size } : { mediaType, size, subject })}\n`;
}
