import { join } from 'node:path';
import { algorithmOf, type Digest, hexOf } from '#core';
import { StoreFiles } from './store-files.ts';

/** Where a tenant's folder has its parts. Nothing outside this file knows the shape (docs/FORMATS.md, "Registry store"). */
export class TenantPaths {
  readonly root: string;

  /** Writes and deletes below the store's root. */
  readonly files: StoreFiles;

  /** @param storeRoot what was named as the store; links below it are refused */
  constructor(storeRoot: string, tenant: string) {
    this.root = join(storeRoot, tenant);
    this.files = new StoreFiles(storeRoot, this.temp);
  }

  /** Says which version of the shape this is. */
  get marker(): string {
    return join(this.root, 'store.json');
  }

  /** Small files before they are renamed into place. */
  get temp(): string {
    return join(this.root, '_temp');
  }

  get blobs(): string {
    return join(this.root, 'blobs');
  }

  get repositories(): string {
    return join(this.root, 'repositories');
  }

  /** The bytes of a blob or manifest, once whatever the number of repositories that have it. */
  blob(digest: Digest): string {
    return join(this.blobs, sharded(digest));
  }

  repository(name: string): RepositoryPaths {
    return new RepositoryPaths(join(this.repositories, ...name.split('/')));
  }
}

/** Where a repository's folder has its parts; all begin with `_`, which no component of a name does. */
export class RepositoryPaths {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  get blobLinks(): string {
    return join(this.root, '_blobs');
  }

  get manifestLinks(): string {
    return join(this.root, '_manifests');
  }

  get tags(): string {
    return join(this.root, '_tags');
  }

  get referrerRoot(): string {
    return join(this.root, '_referrers');
  }

  get uploads(): string {
    return join(this.root, '_uploads');
  }

  /** An empty file: this repository has the blob. */
  blobLink(digest: Digest): string {
    return join(this.blobLinks, sharded(digest));
  }

  /** A small file: this repository has the manifest, of this media type and size. */
  manifestLink(digest: Digest): string {
    return join(this.manifestLinks, sharded(digest));
  }

  /** Which tags name a manifest, so that deleting it need not read all tags. */
  tagsOf(digest: Digest): string {
    return `${this.manifestLink(digest)}.tags`;
  }

  /** Descriptors of the manifests whose subject this is. */
  referrers(subject: Digest): string {
    return join(this.referrerRoot, sharded(subject));
  }

  upload(id: string): string {
    return join(this.uploads, id);
  }
}

/** `alg/xx/hex`: 256 folders an algorithm, so that none grows large. */
function sharded(digest: Digest): string {
  const hex = hexOf(digest);
  return join(algorithmOf(digest), hex.slice(0, 2), hex);
}
