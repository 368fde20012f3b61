import { CodedError, type Descriptor, type Digest, encodeCanonical, hexOf, parseJson } from '#core';
import { encodeDescriptor, parseDescriptor } from '#oci/image';
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

interface ReadEntry {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly isThere: boolean;
}

/** How many entries are read at once. */
const READ_AT_ONCE = 32;
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
    const items: Descriptor[] = [];
    let seen = 0;
    let sizeBytes = 0;
    let last: string | undefined;
    for await (const { key, bytes, isThere } of this.#read(subject, after)) {
      if (last !== undefined && (seen === PAGE_ENTRIES || sizeBytes > PAGE_SIZE_BYTES)) return { items, next: last };
      last = key;
      seen++;
      const descriptor = isThere ? this.#parse(bytes, subject, key) : undefined;
      if (descriptor === undefined || (artifactType !== undefined && descriptor.artifactType !== artifactType))
        continue;
      sizeBytes += bytes.byteLength;
      items.push(descriptor);
    }
    return { items };
  }

  /** The entries of a subject in order, read some at a time, and whether their manifests are there. */
  async *#read(subject: Digest, after: string | undefined): AsyncGenerator<ReadEntry> {
    const folder = this.#of(subject);
    const algorithms = ['sha256', 'sha512'] as const;
    const readOne = async (entry: { key: string; folder: string }): Promise<ReadEntry | undefined> => {
      const { key } = entry;
      // The longer digits are of the longer digest.
      const digest = `${algorithms[key.length > 64 ? 1 : 0]}:${key}` as Digest;
      const [bytes, there] = await Promise.all([folder.readEntry(entry), isThere(this.#paths.manifestLink(digest))]);
      return bytes === undefined ? undefined : { key, bytes, isThere: there };
    };
    let waiting: Promise<ReadEntry | undefined>[] = [];
    for await (const entry of folder.entries(after)) {
      waiting.push(readOne(entry));
      if (waiting.length < READ_AT_ONCE) continue;
      for (const result of await Promise.all(waiting)) if (result !== undefined) yield result;
      waiting = [];
    }
    for (const result of await Promise.all(waiting)) if (result !== undefined) yield result;
  }

  #of(subject: Digest): SortedFolder {
    return new SortedFolder(this.#paths.referrers(subject), this.#tenant.files, this.#locks);
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
