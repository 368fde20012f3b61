import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, type Digest, fileError, isDigest } from '#core';
import { parseTag } from '../names.ts';
import { pageOf } from '../pages.ts';
import type { Page, PageQuery, TagStore } from '../registry-store.ts';
import { isMissing } from './files.ts';
import { decodeKey, encodeKey } from './key-name.ts';
import type { KeyedLock } from './keyed-lock.ts';
import type { RepositoryPaths, TenantPaths } from './paths.ts';
import { SortedDirectory } from './sorted-directory.ts';
import type { StoreFiles } from './store-files.ts';

/** The tags of one repository: a small file each, with the digest of a manifest. */
export class Tags implements TagStore {
  readonly #folder: SortedDirectory;
  readonly #files: StoreFiles;
  readonly #paths: RepositoryPaths;
  readonly #locks: KeyedLock;

  constructor(tenant: TenantPaths, repository: RepositoryPaths, locks: KeyedLock) {
    this.#folder = new SortedDirectory(repository.tags, tenant.files, locks);
    this.#files = tenant.files;
    this.#paths = repository;
    this.#locks = locks;
  }

  /** The digest that a tag points at; undefined if the tag does not exist. */
  async read(tag: string): Promise<Digest | undefined> {
    const bytes = await this.#folder.read(parseTag(tag));
    if (bytes === undefined) return undefined;
    const digest = Buffer.from(bytes).toString('utf8').trimEnd();
    if (isDigest(digest)) return digest;
    throw new CodedError('ERR_EXPORT_STORE_INVALID', `${this.#paths.tags}: the file of tag ${tag} has no digest`, {
      hint: 'run export-center fsck --data DIR, then push the tag again',
      details: { tag },
    });
  }

  /** Points a tag at a manifest, which must exist. */
  async write(tag: string, digest: Digest): Promise<void> {
    await this.#locks.run(this.#lockOf(parseTag(tag)), async () => {
      const before = await this.read(tag).catch(() => undefined);
      // Before the tag itself, so that deleting the manifest finds all its tags.
      await this.#files.writeMarker(this.#marker(digest, tag));
      if (before === digest) return;
      await this.#folder.write(tag, `${digest}\n`);
      if (before !== undefined) await this.#files.remove(this.#marker(before, tag));
    });
  }

  /** Removes a tag; the manifest stays. False if the tag did not exist. */
  async delete(tag: string): Promise<boolean> {
    return await this.#locks.run(this.#lockOf(parseTag(tag)), async () => {
      const before = await this.read(tag).catch(() => undefined);
      const found = await this.#folder.delete(tag);
      if (before !== undefined) await this.#files.remove(this.#marker(before, tag));
      return found;
    });
  }

  /** Removes all tags of a manifest. */
  async deleteAllOf(digest: Digest): Promise<void> {
    for (const tag of await this.of(digest)) {
      await this.#locks.run(this.#lockOf(tag), async () => {
        // The marker of a tag that points elsewhere by now may remain.
        if ((await this.read(tag)) === digest) await this.#folder.delete(tag);
        await this.#files.remove(this.#marker(digest, tag));
      });
    }
    await this.#files.removeEmpty(this.#paths.tagsOf(digest));
  }

  /** The tags that point, or pointed, at a manifest. */
  async of(digest: Digest): Promise<string[]> {
    const folder = this.#paths.tagsOf(digest);
    try {
      return (await readdir(folder)).map(decodeKey).filter((tag) => tag !== undefined);
    } catch (error) {
      if (isMissing(error)) return [];
      throw fileError(error, folder);
    }
  }

  async list({ after, limit }: PageQuery): Promise<Page<string>> {
    return await pageOf(this.#folder.keys(after), limit);
  }

  /** All tags in byte order. */
  all(): AsyncGenerator<string> {
    return this.#folder.keys();
  }

  #marker(digest: Digest, tag: string): string {
    return join(this.#paths.tagsOf(digest), encodeKey(tag));
  }

  #lockOf(tag: string): string {
    return join(this.#paths.tags, `:${tag}`);
  }
}
