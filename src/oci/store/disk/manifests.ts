import {
  algorithmOf,
  CodedError,
  canonicalText,
  type Descriptor,
  type Digest,
  digestOf,
  isManifestType,
  parseJsonObject,
} from '#core';
import {
  type Manifest,
  maxManifestBytes,
  parseManifest,
  referrerDescriptor,
  successorsOf,
  verifyBytes,
} from '#oci/image';
import type { Blobs } from './blobs.ts';
import { readSmallFile, sizeOf } from './files.ts';
import type { KeyedLock } from './keyed-lock.ts';
import { parseTag } from './names.ts';
import type { RepositoryPaths, TenantPaths } from './paths.ts';
import type { Referrers } from './referrers.ts';
import type { Tags } from './tags.ts';

/** What is known of a manifest that is pushed beside its bytes. */
export interface PutManifest {
  /** What it was announced as; undefined to go by its text alone. */
  readonly mediaType?: string | undefined;
  /** What its digest must be; sha256 is taken when nothing must be. */
  readonly digest?: Digest | undefined;
  /** Tags that point at it when all else is done. */
  readonly tags?: readonly string[];
}

/** A manifest that has been taken in. */
export interface StoredManifest {
  readonly descriptor: Descriptor;
  readonly subject: Digest | undefined;
}

const NOT_DISTRIBUTABLE =
  /^application\/vnd\.(?:oci\.image\.layer\.nondistributable\.v1\.|docker\.image\.rootfs\.foreign\.)/;
/** How many children are looked for at once. */
const CHECKS_AT_ONCE = 32;

/** The parts of a repository that its manifests work with. */
export interface ManifestParts {
  readonly blobs: Blobs;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly locks: KeyedLock;
}

/** The manifests of one repository: the bytes lie among the tenant's blobs, a small file here says what they are. */
export class Manifests {
  readonly #tenant: TenantPaths;
  readonly #paths: RepositoryPaths;
  readonly #parts: ManifestParts;

  constructor(tenant: TenantPaths, repository: RepositoryPaths, parts: ManifestParts) {
    this.#tenant = tenant;
    this.#paths = repository;
    this.#parts = parts;
  }

  /** The descriptor of a manifest; undefined where the repository does not have it, or its bytes are lost. */
  async describe(digest: Digest): Promise<Descriptor | undefined> {
    const link = this.#paths.manifestLink(digest);
    const bytes = await readSmallFile(link);
    if (bytes === undefined) return undefined;
    const { mediaType, size } = parseJsonObject(bytes, link);
    if (typeof mediaType !== 'string' || typeof size !== 'number') {
      throw new CodedError('ERR_EXPORT_STORE_INVALID', `${link}: says no media type and size`, {
        hint: 'run fsck on the store, then push the manifest again',
      });
    }
    return (await sizeOf(this.#tenant.blob(digest))) === size ? { mediaType, digest, size } : undefined;
  }

  /** The bytes of a manifest, checked; undefined where it is not there. @throws CodedError ERR_EXPORT_STORE_INVALID */
  async read(descriptor: Descriptor): Promise<Uint8Array | undefined> {
    const bytes = await readSmallFile(this.#tenant.blob(descriptor.digest));
    if (bytes === undefined) return undefined;
    try {
      verifyBytes(descriptor, bytes, 'the store');
      return bytes;
    } catch (cause) {
      throw new CodedError('ERR_EXPORT_STORE_INVALID', `${descriptor.digest}: damaged in the store`, {
        hint: 'push the manifest again, and run fsck on the store',
        details: { digest: descriptor.digest },
        cause,
      });
    }
  }

  /**
   * Takes a manifest in: bytes, then its place among the referrers of its subject, then the link that makes it
   * readable, then tags. Doing it again repairs whatever of this a crash has cut off.
   *
   * @throws CodedError ERR_EXPORT_MANIFEST_INVALID, ERR_EXPORT_TOO_LARGE, ERR_EXPORT_DIGEST_MISMATCH, and
   *   ERR_EXPORT_NOT_FOUND with `missing` in its details where the repository lacks content that it names
   */
  async put(bytes: Uint8Array, put: PutManifest = {}): Promise<StoredManifest> {
    const tags = (put.tags ?? []).map(parseTag);
    const digest = checkedDigest(bytes, put.digest);
    const manifest = parseManifest(bytes, put.mediaType, digest);
    const descriptor: Descriptor = { mediaType: manifest.mediaType, digest, size: bytes.byteLength };
    await this.#checkChildren(manifest, digest);
    const subject = manifest.subject?.digest;
    await this.#parts.locks.run(this.#paths.manifestLink(digest), async () => {
      await this.#tenant.files.write(this.#tenant.blob(digest), bytes);
      if (subject !== undefined) await this.#parts.referrers.add(subject, referrerDescriptor(descriptor, manifest));
      await this.#tenant.files.write(this.#paths.manifestLink(digest), encodeLink(descriptor, subject));
      for (const tag of tags) await this.#parts.tags.write(tag, digest);
    });
    return { descriptor, subject };
  }

  /** Points a tag at a manifest. @throws CodedError ERR_EXPORT_NOT_FOUND where the manifest is not there */
  async tag(digest: Digest, tag: string): Promise<void> {
    await this.#parts.locks.run(this.#paths.manifestLink(digest), async () => {
      if ((await this.#use(digest)) === undefined) throw missing(digest, undefined);
      await this.#parts.tags.write(tag, digest);
    });
  }

  /** Takes a manifest out of this repository, and its tags with it. False when it was not there. */
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

  async #checkChildren(manifest: Manifest, name: Digest): Promise<void> {
    const children = neededBy(manifest);
    for (let i = 0; i < children.length; i += CHECKS_AT_ONCE) {
      await Promise.all(children.slice(i, i + CHECKS_AT_ONCE).map((child) => this.#checkChild(child, name)));
    }
  }

  async #checkChild(child: Descriptor, name: Digest): Promise<void> {
    const size = await this.#sizeOfChild(child);
    if (size === undefined) throw missing(child.digest, name);
    if (size === child.size) return;
    throw new CodedError(
      'ERR_EXPORT_MANIFEST_INVALID',
      `${name}: ${child.digest} has ${size} bytes here, not ${child.size}`,
      { hint: 'correct the size in the manifest', details: { name, digest: child.digest, size } },
    );
  }

  /** Looks where the child should be, then, since an index may list anything, where it might be. */
  async #sizeOfChild({ mediaType, digest }: Descriptor): Promise<number | undefined> {
    const asManifest = async () => (await this.#use(digest))?.size;
    const asBlob = async () => await this.#parts.blobs.use(digest);
    const [first, second] = isManifestType(mediaType) ? [asManifest, asBlob] : [asBlob, asManifest];
    return (await first()) ?? (await second());
  }

  /** As `describe`, for a manifest that something comes to rely on: garbage collection leaves it alone for a while. */
  async #use(digest: Digest): Promise<Descriptor | undefined> {
    return (await this.#tenant.files.use(this.#paths.manifestLink(digest))) === undefined
      ? undefined
      : await this.describe(digest);
  }
}

/** What a registry must have to serve a manifest: not the layers whose owners do not let them be passed on. */
export function neededBy(manifest: Manifest): Descriptor[] {
  return successorsOf(manifest).filter(({ mediaType }) => !NOT_DISTRIBUTABLE.test(mediaType));
}

function checkedDigest(bytes: Uint8Array, expected: Digest | undefined): Digest {
  if (bytes.byteLength > maxManifestBytes) {
    throw new CodedError('ERR_EXPORT_TOO_LARGE', `a manifest of ${bytes.byteLength} bytes`, {
      hint: `keep manifests at ${maxManifestBytes} bytes or fewer`,
    });
  }
  const actual = digestOf(bytes, expected === undefined ? 'sha256' : algorithmOf(expected));
  if (expected === undefined || actual === expected) return actual;
  throw new CodedError('ERR_EXPORT_DIGEST_MISMATCH', `expected ${expected}, got ${actual}`, {
    hint: 'send the manifest again',
    details: { expected, actual },
  });
}

function encodeLink({ mediaType, size }: Descriptor, subject: Digest | undefined): string {
  return `${canonicalText(subject === undefined ? { mediaType, size } : { mediaType, size, subject })}\n`;
}

function missing(digest: Digest, manifest: Digest | undefined): CodedError {
  const what = manifest === undefined ? `no manifest ${digest}` : `${manifest} names ${digest}, which is not here`;
  return new CodedError('ERR_EXPORT_NOT_FOUND', what, { hint: `push ${digest} first`, details: { missing: digest } });
}
