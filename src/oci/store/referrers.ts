import { CodedError, type Descriptor, type Digest, encodeCanonical, hexOf, parseJson } from '#core';
import { parseDescriptor } from '../manifest.ts';
import { encodeDescriptor } from '../pack.ts';
import { isThere } from './files.ts';
import type { KeyedLock } from './keyed-lock.ts';
import type { RepositoryPaths, TenantPaths } from './paths.ts';
import { SortedFolder } from './sorted-folder.ts';

/** Which referrers, and how much of the list. */
export interface ReferrerQuery {
  readonly artifactType?: string | undefined;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
}

/** A part of the list of referrers; `next` is there when there is more. */
export interface ReferrerPage {
  readonly items: readonly Descriptor[];
  readonly next?: string;
}

/** A page is made of at most so many referrers looked at, so that its cost is bounded also under a filter. */
const PAGE_ENTRIES = 1000;
/** And of about so many bytes: readers take no index of more than 4 MiB. */
const PAGE_SIZE_BYTES = 3 * 1024 * 1024;

/** The manifests of one repository by their subject: a small file each, which holds the descriptor to be listed. */
export class Referrers {
  readonly #tenant: TenantPaths;
  readonly #paths: RepositoryPaths;
  readonly #locks: KeyedLock;

  constructor(tenant: TenantPaths, repository: RepositoryPaths, locks: KeyedLock) {
    this.#tenant = tenant;
    this.#paths = repository;
    this.#locks = locks;
  }

  /** Lists a manifest under its subject, which need not be there. */
  async add(subject: Digest, descriptor: Descriptor): Promise<void> {
    await this.#of(subject).write(hexOf(descriptor.digest), encodeCanonical(encodeDescriptor(descriptor)));
  }

  async remove(subject: Digest, digest: Digest): Promise<void> {
    await this.#of(subject).delete(hexOf(digest));
  }

  /** Whether a manifest is listed under a subject. @throws CodedError ERR_EXPORT_STORE_INVALID where the entry is damaged */
  async has(subject: Digest, digest: Digest): Promise<boolean> {
    const bytes = await this.#of(subject).read(hexOf(digest));
    return bytes !== undefined && this.#parse(bytes, subject, hexOf(digest)).digest === digest;
  }

  /** The referrers of a subject in byte order of their hex digits; those only whose manifests are there. */
  async list(subject: Digest, { artifactType, after }: ReferrerQuery = {}): Promise<ReferrerPage> {
    const folder = this.#of(subject);
    const items: Descriptor[] = [];
    let seen = 0;
    let sizeBytes = 0;
    let last: string | undefined;
    for await (const key of folder.keys(after)) {
      if (last !== undefined && (seen === PAGE_ENTRIES || sizeBytes > PAGE_SIZE_BYTES)) return { items, next: last };
      last = key;
      seen++;
      const bytes = await folder.read(key);
      if (bytes === undefined) continue;
      const descriptor = this.#parse(bytes, subject, key);
      if (artifactType !== undefined && descriptor.artifactType !== artifactType) continue;
      if (!(await isThere(this.#paths.manifestLink(descriptor.digest)))) continue;
      sizeBytes += bytes.byteLength;
      items.push(descriptor);
    }
    return { items };
  }

  #of(subject: Digest): SortedFolder {
    return new SortedFolder(this.#paths.referrers(subject), this.#tenant.temp, this.#locks);
  }

  #parse(bytes: Uint8Array, subject: Digest, key: string): Descriptor {
    const name = `${this.#paths.referrers(subject)}: ${key}`;
    try {
      return parseDescriptor(parseJson(bytes, name), name, '');
    } catch (cause) {
      throw new CodedError('ERR_EXPORT_STORE_INVALID', `${name}: not a descriptor`, {
        hint: 'run fsck on the store, then push the manifest again',
        cause,
      });
    }
  }
}
