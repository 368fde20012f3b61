import { compareText, type Descriptor, type Digest, encodeCanonical, type JsonObject, mediaTypes } from '#core';
import type { MirrorSpec } from '../spec.ts';
import type { Manifest, MirrorSnapshot, Repository as RepositoryState } from './mirror-snapshot.generated.ts';
import type { ManifestNode } from './nodes.ts';
import type { WalkedRepository } from './walk.ts';

/** What a repository is called in the zone, and what was demanded of its tags. */
export interface StateHead {
  readonly name: string;
  readonly profile: string | undefined;
  /** Keyids, where signatures were required. */
  readonly signedBy: readonly string[] | undefined;
}

/** The state of a repository, every list sorted. */
export function stateOf(
  { name, profile, signedBy }: StateHead,
  { tags, manifests, referrers }: WalkedRepository,
): RepositoryState {
  const blobs = new Map<Digest, number>();
  for (const node of manifests) for (const { digest, size } of node.blobs) blobs.set(digest, size);
  return {
    name,
    ...(profile === undefined ? {} : { profile }),
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

function entryOf({ descriptor, subject, manifests, blobs, foreign }: ManifestNode): Manifest {
  const { digest, mediaType, size } = descriptor;
  return {
    digest,
    mediaType,
    sizeBytes: size,
    ...(subject === undefined ? {} : { subject }),
    ...(manifests.length === 0 ? {} : { manifests: digestsOf(manifests) }),
    ...(blobs.length === 0 ? {} : { blobs: digestsOf(blobs) }),
    ...(foreign.length === 0 ? {} : { foreign: [...new Set(foreign)].sort(compareText) }),
  };
}

function digestsOf(descriptors: readonly Descriptor[]): Digest[] {
  return [...new Set(descriptors.map(({ digest }) => digest))].sort(compareText);
}

/** The snapshot of these repositories: the same states always give the same bytes. */
export function encodeSnapshot(
  { stream, snapshots }: Pick<MirrorSpec, 'stream' | 'snapshots'>,
  repositories: readonly RepositoryState[],
): Uint8Array {
  const document: MirrorSnapshot = {
    mediaType: mediaTypes.mirrorSnapshot,
    stream,
    snapshots: snapshots.repository,
    repositories: repositories.toSorted((a, b) => compareText(a.name, b.name)),
  };
  // Interfaces have no index signature, so the compiler does not see that this holds nothing but JSON.
  return encodeCanonical(document as unknown as JsonObject);
}
