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
import { SortedFolder } from './sorted-folder.ts';
import type { StoreFiles } from './store-files.ts';

/** The tags of one repository: a small file each, which holds the digest of a manifest. */
export class Tags implements TagStore {
  readonly #folder: SortedFolder;
  readonly #files: StoreFiles;
  readonly #paths: RepositoryPaths;
  readonly #locks: KeyedLock;

  constructor(tenant: TenantPaths, repository: RepositoryPaths, locks: KeyedLock) {
    this.#folder = new SortedFolder(repository.tags, tenant.files, locks);
    this.#files = tenant.files;
    this.#paths = repository;
    this.#locks = locks;
  }

  /** The digest that a tag points at; undefined where there is no such tag. */
  async read(tag: string): Promise<Digest | undefined> {
    const bytes = await this.#folder.read(parseTag(tag));
    if (bytes === undefined) return undefined;
    const digest = Buffer.from(bytes).toString('utf8').trimEnd();
    if (isDigest(digest)) return digest;
    throw new CodedError('ERR_EXPORT_STORE_INVALID', `${this.#paths.tags}: the file of tag ${tag} has no digest`, {
      hint: 'run fsck on the store, then push the tag again',
      details: { tag },
    });
  }

  /** Points a tag at a manifest, which must be there. */
  async write(tag: string, digest: Digest): Promise<void> {
    await this.#locks.run(this.#lockOf(parseTag(tag)), async () => {
      const before = await this.read(tag).catch(() => undefined);
      // Before the tag itself: deleting the manifest must find every tag of it.
      await this.#files.writeMark(this.#mark(digest, tag));
      if (before === digest) return;
      await this.#folder.write(tag, `${digest}\n`);
      if (before !== undefined) await this.#files.remove(this.#mark(before, tag));
    });
  }

  /** Takes a tag away; the manifest stays. False when there was none. */
  async delete(tag: string): Promise<boolean> {
    return await this.#locks.run(this.#lockOf(parseTag(tag)), async () => {
      const before = await this.read(tag).catch(() => undefined);
      const found = await this.#folder.delete(tag);
      if (before !== undefined) await this.#files.remove(this.#mark(before, tag));
      return found;
    });
  }

  /** Takes all tags of a manifest away. */
  async deleteAllOf(digest: Digest): Promise<void> {
    for (const tag of await this.of(digest)) {
      await this.#locks.run(this.#lockOf(tag), async () => {
        // The mark of a tag that has moved on may have stayed behind.
        if ((await this.read(tag)) === digest) await this.#folder.delete(tag);
        await this.#files.remove(this.#mark(digest, tag));
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

  #mark(digest: Digest, tag: string): string {
    return join(this.#paths.tagsOf(digest), encodeKey(tag));
  }

  #lockOf(tag: string): string {
    return join(this.#paths.tags, `:${tag}`);
  }
}
