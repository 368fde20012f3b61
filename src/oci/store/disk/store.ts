import { resolve } from 'node:path';
import { CodedError, type JsonObject, parseJsonObject, parseTenant } from '#core';
import { parseRepositoryName } from '../names.ts';
import type { Page, PageQuery, RegistryStore, StoredRepository } from '../registry-store.ts';
import { UploadSessions } from '../upload-sessions.ts';
import { Uploads } from '../uploads.ts';
import { Blobs } from './blobs.ts';
import { isFolder, readSmallFile } from './files.ts';
import { KeyedLock } from './keyed-lock.ts';
import { Manifests } from './manifests.ts';
import { type RepositoryPaths, TenantPaths } from './paths.ts';
import { Referrers } from './referrers.ts';
import { Tags } from './tags.ts';
import { UploadDirectory } from './upload-directory.ts';
import { listRepositories } from './walk.ts';

/** How a store is opened. */
export interface StoreOptions {
  readonly tenant: string;
  /** Writes nothing; a store that does not exist is treated as empty. */
  readonly readOnly?: boolean;
}

/** Shared by all open stores of the process; its keys are absolute paths. */
const LOCKS = new KeyedLock();

/** The version of the directory layout. */
const VERSION = 1;

/**
 * Opens the registry store of one tenant: `ROOT/TENANT`. Several processes may have it open at once.
 *
 * @throws CodedError ERR_EXPORT_STORE_INVALID for a store of another version, ERR_EXPORT_NOT_WRITABLE
 */
export async function openStore(root: string, { tenant, readOnly = false }: StoreOptions): Promise<DiskStore> {
  const paths = new TenantPaths(resolve(root), parseTenant(tenant));
  const marker = await readSmallFile(paths.marker);
  const { storeVersion }: JsonObject = marker === undefined ? {} : parseJsonObject(marker, paths.marker);
  if (marker === undefined) {
    if (!readOnly) await paths.files.write(paths.marker, `{"storeVersion":${VERSION}}\n`);
  } else if (storeVersion !== VERSION) {
    throw new CodedError('ERR_EXPORT_STORE_INVALID', `${paths.marker}: not version ${VERSION} of the store`, {
      hint: 'open it with the release that created it, and copy its repositories to a new store',
    });
  }
  return new DiskStore(tenant, paths, readOnly);
}

/** A tenant's registry store in a directory. No repository name leads outside it. */
export class DiskStore implements RegistryStore {
  readonly tenant: string;
  readonly paths: TenantPaths;
  readonly readOnly: boolean;
  readonly #sessions = new UploadSessions();

  /** @internal openStore checks the folder first. */
  constructor(tenant: string, paths: TenantPaths, readOnly: boolean) {
    this.tenant = tenant;
    this.paths = paths;
    this.readOnly = readOnly;
  }

  /** Whether the store's directory can be read; true if it does not exist yet. */
  async isReadable(): Promise<boolean> {
    return await readSmallFile(this.paths.marker).then(
      () => true,
      () => false,
    );
  }

  async listRepositories(query: PageQuery): Promise<Page<string>> {
    return await listRepositories(this.paths, query);
  }

  /** @throws CodedError that says why nothing can be written: ERR_EXPORT_NOT_WRITABLE, ERR_EXPORT_DISK_FULL, ERR_EXPORT_IO */
  async checkWritable(): Promise<void> {
    await this.paths.files.checkWritable();
  }

  repository(name: string): DiskRepository {
    return new DiskRepository(parseRepositoryName(name), this, this.#sessions);
  }
}

/** A repository in a store, by its parts. */
export class DiskRepository implements StoredRepository {
  readonly name: string;
  readonly paths: RepositoryPaths;
  readonly blobs: Blobs;
  readonly uploads: Uploads;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly manifests: Manifests;

  /** @internal */
  constructor(name: string, { paths: tenant, readOnly }: DiskStore, sessions: UploadSessions) {
    this.name = name;
    this.paths = tenant.repository(name);
    this.blobs = new Blobs(tenant, this.paths, readOnly);
    this.uploads = new Uploads(new UploadDirectory(tenant, this.paths, this.blobs), this.blobs, sessions);
    this.tags = new Tags(tenant, this.paths, LOCKS);
    this.referrers = new Referrers(tenant, this.paths, LOCKS);
    const { blobs, tags, referrers } = this;
    this.manifests = new Manifests(tenant, this.paths, { blobs, tags, referrers, locks: LOCKS });
  }

  /** Whether anything was ever pushed here. */
  async exists(): Promise<boolean> {
    return (await isFolder(this.paths.manifestLinks)) || (await isFolder(this.paths.blobLinks));
  }
}
