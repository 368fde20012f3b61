import type { Descriptor, Digest } from '#core';

/** The bytes of a tenant's blobs and manifests, each once. */
export type Content = Map<Digest, Uint8Array>;

/** A manifest of a repository. */
export interface ManifestEntry {
  readonly descriptor: Descriptor;
  readonly subject: Digest | undefined;
  /** The descriptor for the list of its subject's referrers. */
  readonly referrer: Descriptor;
}

/** The content of one repository. */
export class RepositoryContent {
  /** Whether anything was ever pushed here. */
  isUsed = false;
  readonly blobs = new Set<Digest>();
  readonly manifests = new Map<Digest, ManifestEntry>();
  readonly tags = new Map<string, Digest>();
  readonly uploads = new Map<string, Uint8Array[]>();
}
