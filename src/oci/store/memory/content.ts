import type { Descriptor, Digest } from '#core';

/** The bytes of a tenant's blobs and manifests, each once. */
export type Content = Map<Digest, Uint8Array>;

/** A manifest of a repository. */
export interface HeldManifest {
  readonly descriptor: Descriptor;
  readonly subject: Digest | undefined;
  /** What lists it among the referrers of its subject. */
  readonly referrer: Descriptor;
}

/** What one repository has. */
export class RepositoryContent {
  /** Whether anything was ever pushed here. */
  isUsed = false;
  readonly blobs = new Set<Digest>();
  readonly manifests = new Map<Digest, HeldManifest>();
  readonly tags = new Map<string, Digest>();
  readonly uploads = new Map<string, Uint8Array[]>();
}
