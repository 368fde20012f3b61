import type { Digest } from '#core';
import type { OperationOptions, Repository } from '#oci/image';
import { Semaphore } from '#oci/transfer';
import type { RepositoryState } from '../snapshot.ts';

/** What a target lacks of a repository. */
export interface Lacking {
  /** `REPOSITORY:TAG` or `REPOSITORY@DIGEST`. */
  readonly name: string;
  readonly problem: string;
}

/** What was counted in a target. */
export interface Fidelity {
  readonly repositories: number;
  readonly tags: number;
  readonly manifests: number;
  readonly blobs: number;
  readonly referrers: number;
  readonly lacking: readonly Lacking[];
}

const AT_A_TIME = 8;

/** Asks a target for every tag and for every list of referrers of a repository. */
export async function findLacking(
  target: Repository,
  state: RepositoryState,
  tagName: (tag: string) => string,
  options: OperationOptions,
): Promise<Lacking[]> {
  const semaphore = new Semaphore(AT_A_TIME);
  const checkTag = async ({ tag, digest }: RepositoryState['tags'][number]): Promise<Lacking[]> => {
    const found = await target.resolve(tagName(tag), options);
    if (found?.digest === digest) return [];
    const problem = found === undefined ? `not found, expected ${digest}` : `names ${found.digest}, expected ${digest}`;
    return [{ name: `${state.name}:${tag}`, problem }];
  };
  const checkSubject = async (subject: Digest, expected: readonly Digest[]): Promise<Lacking[]> => {
    const listed = new Set<Digest>();
    for await (const { digest } of target.referrers(subject, options)) listed.add(digest);
    return expected
      .filter((digest) => !listed.has(digest))
      .map((digest) => ({ name: `${state.name}@${digest}`, problem: `not listed as a referrer of ${subject}` }));
  };
  const bySubject = Map.groupBy(state.referrers, ({ subject }) => subject);
  const found = await Promise.all([
    ...state.tags.map((tag) => semaphore.run(() => checkTag(tag))),
    ...[...bySubject].map(([subject, referrers]) => {
      return semaphore.run(() =>
        checkSubject(
          subject,
          referrers.map(({ digest }) => digest),
        ),
      );
    }),
  ]);
  return found.flat();
}

/** Counts of all repositories, and what they lack. */
export function fidelityOf(states: readonly RepositoryState[], lacking: readonly Lacking[]): Fidelity {
  const count = (list: (state: RepositoryState) => readonly unknown[]) =>
    states.reduce((total, state) => total + list(state).length, 0);
  return {
    repositories: states.length,
    tags: count(({ tags }) => tags),
    manifests: count(({ manifests }) => manifests),
    blobs: count(({ blobs }) => blobs),
    referrers: count(({ referrers }) => referrers),
    lacking,
  };
}
