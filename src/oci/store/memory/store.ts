import { type Digest, parseTenant } from '#core';
import { parseRepositoryName } from '../names.ts';
import { pageOf } from '../pages.ts';
import type { Page, PageQuery, RegistryStore, StoredRepository } from '../registry-store.ts';
import { UploadSessions } from '../upload-sessions.ts';
import { Uploads } from '../uploads.ts';
import { MemoryBlobs } from './blobs.ts';
import { type Content, RepositoryContent } from './content.ts';
import { MemoryManifests } from './manifests.ts';
import { MemoryReferrers } from './referrers.ts';
import { MemoryTags } from './tags.ts';
import { MemoryUploads } from './uploads.ts';

interface TenantContent {
  readonly bytes: Content;
  readonly repositories: Map<string, RepositoryContent>;
}

/**
 * Registry stores in the memory of this process: a second implementation of the interface, for tests only. There is no
 * garbage collection.
 */
export class MemoryStorage {
  readonly #tenants = new Map<string, TenantContent>();

  /** The store of a tenant; opening it again gives the same content. @throws CodedError ERR_EXPORT_USAGE for an invalid tenant */
  open(tenant: string): RegistryStore {
    const name = parseTenant(tenant);
    const content = this.#tenants.get(name) ?? { bytes: new Map<Digest, Uint8Array>(), repositories: new Map() };
    this.#tenants.set(name, content);
    return new MemoryStore(name, content);
  }
}

class MemoryStore implements RegistryStore {
  readonly tenant: string;
  readonly #content: TenantContent;
  readonly #sessions = new UploadSessions();

  constructor(tenant: string, content: TenantContent) {
    this.tenant = tenant;
    this.#content = content;
  }

  async isReadable(): Promise<boolean> {
    return true;
  }

  async checkWritable(): Promise<void> {}

  async listRepositories({ after = '', limit }: PageQuery): Promise<Page<string>> {
    const used = [...this.#content.repositories].filter(([name, { isUsed }]) => isUsed && name > after);
    return await pageOf(used.map(([name]) => name).sort(), limit);
  }

  repository(name: string): StoredRepository {
    const { bytes, repositories } = this.#content;
    const content = repositories.get(parseRepositoryName(name)) ?? new RepositoryContent();
    repositories.set(name, content);
    const blobs = new MemoryBlobs(bytes, content);
    return {
      name,
      blobs,
      uploads: new Uploads(new MemoryUploads(name, content, blobs), blobs, this.#sessions),
      tags: new MemoryTags(content),
      referrers: new MemoryReferrers(content),
      manifests: new MemoryManifests(bytes, content, blobs),
      exists: async () => content.isUsed,
    };
  }
}
