import { type Digest, isCoded } from '#core';
import type { OperationOptions, Repository } from '#oci/image';
import type { TrustedKit } from '../kit.ts';
import { type MirrorSnapshot, readSnapshot } from '../snapshot.ts';
import type { ZonePlace } from './place.ts';

/** A tag that an earlier snapshot had and the new one has not. */
export interface Tombstone {
  readonly repository: string;
  readonly tag: string;
  /** What the earlier snapshot said. */
  readonly digest: Digest;
}

/** What became of tags that earlier snapshots had and the new one has not, each as `REPOSITORY:TAG`. */
export interface PruneReport {
  readonly pruned: readonly string[];
  /** Tags that are still there. */
  readonly left: readonly UnprunedTag[];
}

interface UnprunedTag {
  readonly name: string;
  readonly reason: string;
  /** Whether it was to be removed, and the target refused. */
  readonly isRefused: boolean;
}

/** Which tombstones are looked for. */
export interface TombstoneOptions extends OperationOptions {
  /** Of all earlier snapshots that the target has; else of the last one. */
  readonly prune: boolean;
  /** Snapshots before this sequence number are not looked at. */
  readonly since: number;
}

/**
 * The tags that earlier snapshots had and a new one has not. Only snapshots count that the target has, and whose digests
 * TUF lists; nothing that a kit says by itself does.
 */
export async function findTombstones(
  place: ZonePlace,
  trusted: TrustedKit,
  options: TombstoneOptions,
): Promise<Tombstone[]> {
  const { kit, snapshot } = trusted.snapshot;
  const now = new Set(snapshot.repositories.flatMap(({ name, tags }) => tags.map(({ tag }) => `${name}:${tag}`)));
  const found = new Map<string, Tombstone>();
  const target = await place.find(kit.snapshot.repository);
  if (target === undefined) return [];
  try {
    for await (const earlier of earlierSnapshots(target, trusted, options)) {
      for (const { name, tags } of earlier.repositories) {
        for (const { tag, digest } of tags) {
          const key = `${name}:${tag}`;
          // The newest snapshot that had it says what it led to.
          if (!now.has(key) && !found.has(key)) found.set(key, { repository: name, tag, digest });
        }
      }
      if (!options.prune) break;
    }
  } finally {
    await target.close();
  }
  return [...found.values()];
}

/** Those that the target has, the newest first. */
async function* earlierSnapshots(
  target: Repository,
  { repository, snapshot: { kit } }: TrustedKit,
  options: TombstoneOptions,
): AsyncGenerator<MirrorSnapshot> {
  const { stream, sequence, snapshot } = kit;
  for (let earlier = sequence - 1; earlier >= Math.max(1, options.since); earlier--) {
    options.signal?.throwIfAborted();
    const hash = (await repository.find(`${stream}.${earlier}.json`))?.hashes.get('sha256');
    const digest = `sha256:${hash}` as Digest;
    if (hash === undefined || digest === snapshot.digest) continue;
    if ((await target.resolve(digest, options)) === undefined) continue;
    yield await readSnapshot(target, digest, options);
  }
}

/** How tags are removed. */
export interface PruneOptions extends OperationOptions {
  /** Without it they are listed. */
  readonly prune: boolean;
  /** Whether the new snapshot has a manifest, under other tags or none. */
  readonly isNeeded: (repository: string, digest: Digest) => boolean;
}

/** Some registries remove a manifest with all of its tags where only one tag was to go. */
const REMOVES_MORE = 'not removed, since this registry removes the manifest together with a tag';

/** Removes tags that still lead to what the mirror said; without `prune` it lists them. */
export async function pruneTags(
  place: ZonePlace,
  tombstones: readonly Tombstone[],
  options: PruneOptions,
): Promise<PruneReport> {
  const pruned: string[] = [];
  const left: UnprunedTag[] = [];
  for (const [name, group] of Map.groupBy(tombstones, ({ repository }) => repository)) {
    const target = await place.findAlone(name);
    if (target === undefined) continue;
    try {
      let removesMore = false;
      for (const tombstone of group) {
        const { digest } = tombstone;
        const outcome = await pruneTag(target, tombstone, options, removesMore);
        if (outcome === 'pruned') {
          pruned.push(`${name}:${tombstone.tag}`);
          removesMore = options.isNeeded(name, digest) && (await target.resolve(digest, options)) === undefined;
        }
        if (outcome !== 'pruned' && outcome !== 'absent') left.push({ name: `${name}:${tombstone.tag}`, ...outcome });
      }
      await target.flush?.(options);
    } finally {
      await target.close();
    }
  }
  return { pruned, left };
}

async function pruneTag(
  target: Repository,
  { tag, digest }: Tombstone,
  { prune, signal }: PruneOptions,
  removesMore: boolean,
): Promise<'pruned' | 'absent' | Omit<UnprunedTag, 'name'>> {
  const found = await target.resolve(tag, { signal });
  if (found === undefined) return 'absent';
  if (found.digest !== digest) return { reason: `was moved in the zone, to ${found.digest}`, isRefused: false };
  if (!prune) return { reason: 'the snapshot does not have it any more', isRefused: false };
  if (removesMore) return { reason: REMOVES_MORE, isRefused: true };
  try {
    return (await target.untag(tag, { signal })) ? 'pruned' : 'absent';
  } catch (error) {
    if (!isCoded(error, 'ERR_EXPORT_UNSUPPORTED', 'ERR_EXPORT_REGISTRY_REFUSED', 'ERR_EXPORT_FORBIDDEN')) throw error;
    return { reason: error.message, isRefused: true };
  }
}
