import { join } from 'node:path';
import { algorithmOf, type Digest, hexOf } from '#core';
import { StoreFiles } from './store-files.ts';

/** The paths in a tenant's directory. Only this file knows the directory layout (docs/FORMATS.md, "Registry store"). */
export class TenantPaths {
  readonly root: string;

  /** Writes and deletes below the store's root. */
  readonly files: StoreFiles;

  /** @param storeRoot the root directory of the store; symlinks below it are refused */
  constructor(storeRoot: string, tenant: string) {
    this.root = join(storeRoot, tenant);
    this.files = new StoreFiles(storeRoot, this.temp);
  }

  /** The file with the version of the directory layout. */
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

  /** The bytes of a blob or manifest, stored once for all repositories. */
  blob(digest: Digest): string {
    return join(this.blobs, sharded(digest));
  }

  repository(name: string): RepositoryPaths {
    return new RepositoryPaths(join(this.repositories, ...name.split('/')));
  }
}

/** The paths in a repository's directory; all begin with `_`, which no component of a repository name does. */
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

  /** The tags of a manifest, so that deleting it does not read all tags. */
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

/** `alg/xx/hex`: 256 directories per algorithm, so that none grows large. */
function sharded(digest: Digest): string {
  const hex = hexOf(digest);
  return join(algorithmOf(digest), hex.slice(0, 2), hex);
}
