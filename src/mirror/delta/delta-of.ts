import { compareText, type Digest } from '#core';
import { contentsOf, type MirrorContent, type RepositoryState } from '../snapshot.ts';
import { type Base, tagsOf } from './base.ts';

/** What takes a zone from its base to a snapshot. */
export interface Delta {
  /** Contents that a kit has to carry, in byte order of digest. */
  readonly carried: readonly MirrorContent[];
  /** Contents that every base has, in byte order of digest. */
  readonly reliedOn: readonly MirrorContent[];
  /** Undefined where no base knows its tags. */
  readonly tags: TagChanges | undefined;
}

/** How tags differ from those of the bases, each as `REPOSITORY:TAG`, in byte order. */
export interface TagChanges {
  /** Some base lacks them. */
  readonly new: readonly string[];
  /** Some base has them with another digest. */
  readonly moved: readonly string[];
  /** Some base has them, the snapshot does not: what `--prune` removes. */
  readonly removed: readonly string[];
}

/**
 * What a kit of a snapshot has to carry where each zone has one of some bases: what not all bases have.
 *
 * @param mirrored the repositories of the mirror
 * @param own the repository of snapshots, of which everything is carried: it is new, and proves the rest
 * @param bases none for a full kit
 */
export function deltaOf(mirrored: readonly RepositoryState[], own: RepositoryState, bases: readonly Base[]): Delta {
  const contents = contentsOf([...mirrored, own]);
  if (bases.length === 0) return { carried: contents, reliedOn: [], tags: changesOf(mirrored, bases) };
  const needed = new Set<Digest>([...own.manifests, ...own.blobs].map(({ digest }) => digest));
  const carried: MirrorContent[] = [];
  const reliedOn: MirrorContent[] = [];
  for (const content of contents) {
    const { digest } = content;
    const isThere = !needed.has(digest) && bases.every((base) => base.has(digest));
    (isThere ? reliedOn : carried).push(content);
  }
  return { carried, reliedOn, tags: changesOf(mirrored, bases) };
}

function changesOf(mirrored: readonly RepositoryState[], bases: readonly Base[]): TagChanges | undefined {
  const now = tagsOf(mirrored);
  const known = bases.map(({ tags }) => tags).filter((tags) => tags.known !== 'none');
  if (known.length === 0) return bases.length === 0 ? { new: sorted(now.keys()), moved: [], removed: [] } : undefined;
  const changes = { new: [] as string[], moved: [] as string[], removed: new Set<string>() };
  for (const [name, digest] of now) {
    const before = known.map(({ digests }) => digests.get(name));
    if (before.some((each) => each !== undefined && each !== digest)) changes.moved.push(name);
    else if (before.includes(undefined)) changes.new.push(name);
  }
  for (const { digests } of known) for (const name of digests.keys()) if (!now.has(name)) changes.removed.add(name);
  return { new: sorted(changes.new), moved: sorted(changes.moved), removed: sorted(changes.removed) };
}

function sorted(names: Iterable<string>): string[] {
  return [...names].sort(compareText);
}
