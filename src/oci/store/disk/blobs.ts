import type { Digest } from '#core';
import type { BlobStore } from '../registry-store.ts';
import { BlobFile } from './blob-file.ts';
import { isThere, sizeOf } from './files.ts';
import type { RepositoryPaths, TenantPaths } from './paths.ts';

/**
 * The blobs of one repository. The bytes lie once in the tenant's folder; a repository has a blob when it
 * has a link to it, and without the link it is not there, whatever other repositories have.
 */
export class Blobs implements BlobStore {
  readonly #tenant: TenantPaths;
  readonly #repository: RepositoryPaths;
  readonly #readOnly: boolean;

  constructor(tenant: TenantPaths, repository: RepositoryPaths, readOnly = false) {
    this.#tenant = tenant;
    this.#repository = repository;
    this.#readOnly = readOnly;
  }

  /** The size in bytes; undefined where the repository does not have the blob, or its bytes are lost. */
  async size(digest: Digest): Promise<number | undefined> {
    if (!(await isThere(this.#repository.blobLink(digest)))) return undefined;
    return await sizeOf(this.#tenant.blob(digest));
  }

  /** As `size`, for a blob that somebody may rely on next: garbage collection leaves it alone for a while. */
  async use(digest: Digest): Promise<number | undefined> {
    if (this.#readOnly) return await this.size(digest);
    if ((await this.#tenant.files.use(this.#repository.blobLink(digest))) === undefined) return undefined;
    return await this.#tenant.files.use(this.#tenant.blob(digest));
  }

  /** The blob, open; undefined where `size` is. Its bytes were checked when they were written, not now. */
  async open(digest: Digest): Promise<BlobFile | undefined> {
    if (!(await isThere(this.#repository.blobLink(digest)))) return undefined;
    return await BlobFile.open(this.#tenant.blob(digest));
  }

  /**
   * Makes this repository have a blob of the tenant without its bytes being sent.
   *
   * @param from the repository that must have it; any one of the tenant's when it is not told
   * @returns false where it is not to be had
   */
  async mount(digest: Digest, from?: Pick<BlobStore, 'size'>): Promise<boolean> {
    if (from !== undefined && (await from.size(digest)) === undefined) return false;
    if (from === undefined && !(await isThere(this.#tenant.blob(digest)))) return false;
    return await this.link(digest);
  }

  /**
   * Makes this repository have a blob whose bytes lie in the tenant's folder. False when they no longer do:
   * the link is written first and the blob's time set after it, so that garbage collection, which looks at the
   * time again after it has moved a blob out of the way, either sees the link or has made this call fail.
   */
  async link(digest: Digest): Promise<boolean> {
    const link = this.#repository.blobLink(digest);
    await this.#tenant.files.writeMark(link);
    await this.#tenant.files.touch(link);
    if (await this.#tenant.files.touch(this.#tenant.blob(digest))) return true;
    await this.#tenant.files.remove(link);
    return false;
  }

  /** Takes the blob out of this repository. False when it was not there. */
  async delete(digest: Digest): Promise<boolean> {
    return await this.#tenant.files.remove(this.#repository.blobLink(digest));
  }
}
