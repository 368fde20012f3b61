import { compareAscii, type Digest } from '#core';
import type { Repository as RepositoryState } from './mirror-snapshot.generated.ts';

/** A blob or manifest of a mirror. */
export interface MirrorContent {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Of a manifest; undefined for a blob. */
  readonly mediaType: string | undefined;
  /** A repository that has it, by its name in the zone. */
  readonly repository: string;
}

/** All blobs and manifests of some repositories, each once, in byte order of digest. */
export function contentsOf(repositories: readonly RepositoryState[]): MirrorContent[] {
  const contents = new Map<Digest, MirrorContent>();
  for (const { name, manifests, blobs } of repositories) {
    for (const { digest, sizeBytes } of blobs) {
      if (!contents.has(digest)) contents.set(digest, { digest, sizeBytes, mediaType: undefined, repository: name });
    }
    // What is a blob of one and a manifest of another is read as the manifest.
    for (const { digest, sizeBytes, mediaType } of manifests) {
      if (contents.get(digest)?.mediaType === undefined) {
        contents.set(digest, { digest, sizeBytes, mediaType, repository: name });
      }
    }
  }
  return [...contents.values()].sort((a, b) => compareAscii(a.digest, b.digest));
}
