import { compareText, type Digest, encodeCanonical, type JsonObject, mediaTypes } from '#core';
import { emptyConfig, emptyDescriptor } from '#oci/image';
import type { MirrorSnapshot, RepositoryState } from '../snapshot.ts';
import type { MirrorKit } from './mirror-kit.generated.ts';

/** A snapshot as it lies in a kit. */
export interface KitSnapshot {
  readonly kit: MirrorKit;
  readonly snapshot: MirrorSnapshot;
  /** Sizes of the snapshot's manifest and of its document. */
  readonly manifestBytes: number;
  readonly document: { readonly digest: Digest; readonly sizeBytes: number };
}

/** The repository with the snapshot, its signatures and its provenance, as one more that is mirrored. */
export function ownRepository({ kit, manifestBytes, document }: KitSnapshot): RepositoryState {
  const { repository, tag, digest, evidence } = kit.snapshot;
  const empty = { digest: emptyDescriptor.digest, sizeBytes: emptyConfig.byteLength };
  const mediaType = mediaTypes.ociManifest;
  const manifests = [
    { digest, mediaType, sizeBytes: manifestBytes },
    ...evidence.map((each) => ({ digest: each.digest, mediaType, sizeBytes: each.sizeBytes })),
  ];
  const blobs = new Map(
    [empty, document, ...evidence.flatMap((each) => each.blobs)].map((blob) => [blob.digest, blob]),
  );
  const tags = evidence.flatMap((each) => (each.tag === undefined ? [] : [{ tag: each.tag, digest: each.digest }]));
  return {
    name: repository,
    tags: [{ tag, digest }, ...tags].toSorted((a, b) => compareText(a.tag, b.tag)),
    manifests: manifests.toSorted((a, b) => compareText(a.digest, b.digest)),
    blobs: [...blobs.values()].toSorted((a, b) => compareText(a.digest, b.digest)),
    referrers: evidence
      .filter((each) => each.tag === undefined)
      .map((each) => ({ subject: digest, digest: each.digest })),
  };
}

/** All repositories that a kit fills: those of the mirror, and the one of its snapshots last. */
export function repositoriesOf(snapshot: KitSnapshot): RepositoryState[] {
  return [...snapshot.snapshot.repositories, ownRepository(snapshot)];
}

/**
 * `index.json` of a kit: an entry `REPOSITORY:TAG` for each tag, and one without a name for each manifest that no tag
 * and no index leads to, such as referrers. A delta lists what it carries, and nothing else.
 *
 * @param carried the contents of the kit
 */
export function encodeKitIndex(repositories: readonly RepositoryState[], carried: ReadonlySet<Digest>): Uint8Array {
  const named: JsonObject[] = [];
  const reached = new Set<Digest>();
  const described = new Map<Digest, JsonObject>();
  for (const { name, tags, manifests } of repositories) {
    for (const { digest, mediaType, sizeBytes, manifests: children = [] } of manifests) {
      if (!carried.has(digest)) continue;
      described.set(digest, { mediaType, digest, size: sizeBytes });
      for (const child of children) reached.add(child);
    }
    for (const { tag, digest } of tags) {
      const descriptor = described.get(digest);
      if (descriptor === undefined) continue;
      reached.add(digest);
      named.push({ ...descriptor, annotations: { 'org.opencontainers.image.ref.name': `${name}:${tag}` } });
    }
  }
  const others = [...described].filter(([digest]) => !reached.has(digest)).sort(([a], [b]) => compareText(a, b));
  const manifests = [...named, ...others.map(([, descriptor]) => descriptor)];
  return encodeCanonical({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
}

/** The bytes of `kit.json`, of which the kit's id is the digest. */
export function encodeKit(kit: MirrorKit): Uint8Array {
  // Interfaces have no index signature, so the compiler does not see that this holds nothing but JSON.
  return encodeCanonical(kit as unknown as JsonObject);
}
