import { CodedError, type Descriptor, type Digest, encodeCanonical, hexOf, parseJson } from '#core';
import { encodeDescriptor, parseDescriptor } from '#oci/image';
import { pageOfReferrers, type ReferrerEntry } from '../pages.ts';
import type { ReferrerPage, ReferrerQuery, ReferrerStore } from '../registry-store.ts';
import { fileExists } from './files.ts';
import type { KeyedLock } from './keyed-lock.ts';
import type { RepositoryPaths, TenantPaths } from './paths.ts';
import { SortedDirectory } from './sorted-directory.ts';

interface ReadEntry {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly exists: boolean;
}

/** How many entries are read concurrently. */
const READ_AT_ONCE = 32;
/** The referrers in one repository, by subject: a small file each, with the descriptor to be listed. */
export class Referrers implements ReferrerStore {
  readonly #tenant: TenantPaths;
  readonly #paths: RepositoryPaths;
  readonly #locks: KeyedLock;

  constructor(tenant: TenantPaths, repository: RepositoryPaths, locks: KeyedLock) {
    this.#tenant = tenant;
    this.#paths = repository;
    this.#locks = locks;
  }

  /** Adds a manifest to the referrers of its subject, which need not exist. */
  async add(subject: Digest, descriptor: Descriptor): Promise<void> {
    await this.#of(subject).write(hexOf(descriptor.digest), encodeCanonical(encodeDescriptor(descriptor)));
  }

  async remove(subject: Digest, digest: Digest): Promise<void> {
    await this.#of(subject).delete(hexOf(digest));
  }

  /** Whether a manifest is listed under a subject. @throws CodedError ERR_EXPORT_STORE_INVALID if the entry is damaged */
  async has(subject: Digest, digest: Digest): Promise<boolean> {
    const bytes = await this.#of(subject).read(hexOf(digest));
    return bytes !== undefined && this.#parse(bytes, subject, hexOf(digest)).digest === digest;
  }

  async list(subject: Digest, { artifactType, after }: ReferrerQuery = {}): Promise<ReferrerPage> {
    return await pageOfReferrers(this.#entries(subject, after), artifactType);
  }

  async *#entries(subject: Digest, after: string | undefined): AsyncGenerator<ReferrerEntry> {
    for await (const { key, bytes, exists } of this.#read(subject, after)) {
      const descriptor = () => (exists ? this.#parse(bytes, subject, key) : undefined);
      yield { key, sizeBytes: bytes.byteLength, descriptor };
    }
  }

  /** The entries of a subject in order, read in batches, and whether their manifests exist. */
  async *#read(subject: Digest, after: string | undefined): AsyncGenerator<ReadEntry> {
    const folder = this.#of(subject);
    const algorithms = ['sha256', 'sha512'] as const;
    const readOne = async (entry: { key: string; folder: string }): Promise<ReadEntry | undefined> => {
      const { key } = entry;
      // A key of more than 64 hex digits is a sha512 digest.
      const digest = `${algorithms[key.length > 64 ? 1 : 0]}:${key}` as Digest;
      const [bytes, exists] = await Promise.all([
        folder.readEntry(entry),
        fileExists(this.#paths.manifestLink(digest)),
      ]);
      return bytes === undefined ? undefined : { key, bytes, exists };
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

  #of(subject: Digest): SortedDirectory {
    return new SortedDirectory(this.#paths.referrers(subject), this.#tenant.files, this.#locks);
  }

  #parse(bytes: Uint8Array, subject: Digest, key: string): Descriptor {
    const name = `${this.#paths.referrers(subject)}: ${key}`;
    try {
      return parseDescriptor(parseJson(bytes, name), name, '');
    } catch (cause) {
      throw new CodedError('ERR_EXPORT_STORE_INVALID', `${name}: not a descriptor`, {
        hint: 'run export-center fsck --data DIR, then push the manifest again',
        cause,
      });
    }
  }
}
