import { compareText, type Descriptor, type Digest, encodeCanonical, type JsonObject, mediaTypes } from '#core';
import type { Manifest, MirrorSnapshot, Repository as RepositoryState } from './mirror-snapshot.generated.ts';
import type { ManifestNode } from './nodes.ts';
import type { WalkedRepository } from './walk.ts';

/** The state of a repository, every list sorted. @param signedBy keyids, where signatures were required */
export function stateOf(
  name: string,
  { tags, manifests, referrers }: WalkedRepository,
  signedBy: readonly string[] | undefined,
): RepositoryState {
  const blobs = new Map<Digest, number>();
  for (const node of manifests) for (const { digest, size } of node.blobs) blobs.set(digest, size);
  return {
    name,
    ...(signedBy === undefined ? {} : { signedBy: [...signedBy].sort(compareText) }),
    tags: tags
      .map(({ tag, descriptor }) => ({ tag, digest: descriptor.digest }))
      .toSorted((a, b) => compareText(a.tag, b.tag)),
    manifests: manifests.map(entryOf).toSorted((a, b) => compareText(a.digest, b.digest)),
    blobs: [...blobs]
      .map(([digest, sizeBytes]) => ({ digest, sizeBytes }))
      .toSorted((a, b) => compareText(a.digest, b.digest)),
    referrers: referrers.toSorted((a, b) => compareText(a.subject, b.subject) || compareText(a.digest, b.digest)),
  };
}

function entryOf({ descriptor, subject, manifests, blobs }: ManifestNode): Manifest {
  const { digest, mediaType, size } = descriptor;
  return {
    digest,
    mediaType,
    sizeBytes: size,
    ...(subject === undefined ? {} : { subject }),
    ...(manifests.length === 0 ? {} : { manifests: digestsOf(manifests) }),
    ...(blobs.length === 0 ? {} : { blobs: digestsOf(blobs) }),
  };
}

function digestsOf(descriptors: readonly Descriptor[]): Digest[] {
  return [...new Set(descriptors.map(({ digest }) => digest))].sort(compareText);
}

/** The snapshot of these repositories: the same states always give the same bytes. */
export function encodeSnapshot(stream: string, repositories: readonly RepositoryState[]): Uint8Array {
  const document: MirrorSnapshot = {
    mediaType: mediaTypes.mirrorSnapshot,
    stream,
    repositories: repositories.toSorted((a, b) => compareText(a.name, b.name)),
  };
  // Interfaces have no index signature, so the compiler does not see that this holds nothing but JSON.
  return encodeCanonical(document as unknown as JsonObject);
}
