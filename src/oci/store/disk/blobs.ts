import type { Digest } from '#core';
import type { BlobStore } from '../registry-store.ts';
import { BlobFile } from './blob-file.ts';
import { fileExists, sizeOf } from './files.ts';
import type { RepositoryPaths, TenantPaths } from './paths.ts';

/**
 * The blobs of one repository. The bytes are stored once in the tenant's directory; a repository has a blob only if it
 * has a link to it, whatever other repositories have.
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

  /** The size in bytes; undefined if the repository does not have the blob, or its bytes are missing. */
  async size(digest: Digest): Promise<number | undefined> {
    if (!(await fileExists(this.#repository.blobLink(digest)))) return undefined;
    return await sizeOf(this.#tenant.blob(digest));
  }

  /** As `size`, for a blob that a client is about to rely on: protects it from garbage collection for a while. */
  async use(digest: Digest): Promise<number | undefined> {
    if (this.#readOnly) return await this.size(digest);
    if ((await this.#tenant.files.use(this.#repository.blobLink(digest))) === undefined) return undefined;
    return await this.#tenant.files.use(this.#tenant.blob(digest));
  }

  /** Opens the blob; undefined if `size` is undefined. Its bytes were verified when they were written, not now. */
  async open(digest: Digest): Promise<BlobFile | undefined> {
    if (!(await fileExists(this.#repository.blobLink(digest)))) return undefined;
    return await BlobFile.open(this.#tenant.blob(digest));
  }

  /**
   * Links a blob of the tenant to this repository, so that its bytes need not be sent.
   *
   * @param from the repository that must have it; undefined for any of the tenant
   * @returns false if it is not available
   */
  async mount(digest: Digest, from?: Pick<BlobStore, 'size'>): Promise<boolean> {
    if (from !== undefined && (await from.size(digest)) === undefined) return false;
    if (from === undefined && !(await fileExists(this.#tenant.blob(digest)))) return false;
    return await this.link(digest);
  }

  /**
   * Links a blob whose bytes are in the tenant's directory. Returns false if they are no longer there: the link is written
   * first and the blob's time updated after it, so that garbage collection, which checks the time again after it has
   * renamed a blob, either sees the link or makes this call fail.
   */
  async link(digest: Digest): Promise<boolean> {
    const link = this.#repository.blobLink(digest);
    await this.#tenant.files.writeMarker(link);
    await this.#tenant.files.touch(link);
    if (await this.#tenant.files.touch(this.#tenant.blob(digest))) return true;
    await this.#tenant.files.remove(link);
    return false;
  }

  /** Removes the blob from this repository. False if it did not have it. */
  async delete(digest: Digest): Promise<boolean> {
    return await this.#tenant.files.remove(this.#repository.blobLink(digest));
  }
}
