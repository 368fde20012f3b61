import { type Digest, encodeCanonical, hexOf } from '#core';
import { encodeDescriptor } from '#oci/image';
import { pageOfReferrers, type ReferrerEntry } from '../pages.ts';
import type { ReferrerPage, ReferrerQuery, ReferrerStore } from '../registry-store.ts';
import type { RepositoryContent } from './content.ts';

/** The referrers in one repository, by subject. */
export class MemoryReferrers implements ReferrerStore {
  readonly #repository: RepositoryContent;

  constructor(repository: RepositoryContent) {
    this.#repository = repository;
  }

  async list(subject: Digest, { artifactType, after = '' }: ReferrerQuery = {}): Promise<ReferrerPage> {
    return await pageOfReferrers(this.#entries(subject, after), artifactType);
  }

  #entries(subject: Digest, after: string): ReferrerEntry[] {
    const held = [...this.#repository.manifests.values()].filter((manifest) => manifest.subject === subject);
    const entries = held.map(({ referrer }) => ({
      key: hexOf(referrer.digest),
      sizeBytes: encodeCanonical(encodeDescriptor(referrer)).byteLength,
      descriptor: () => referrer,
    }));
    return entries.filter(({ key }) => key > after).sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}
