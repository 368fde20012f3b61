import { type Digest, isManifestType } from '#core';
import type { OperationOptions, Repository } from '#oci/image';
import { Semaphore } from '#oci/transfer';
import type { RepositoryState } from '../snapshot.ts';

/** Requests at a time, of all repositories together. */
const AT_A_TIME = 16;
const BLOB = 'application/octet-stream';

/** Where contents are asked for. */
export interface PresencePlace {
  /** A repository by its name in the zone; undefined where it does not exist. Whoever opens it closes it. */
  find(repository: string): Promise<Repository | undefined>;
}

/** A content as one repository has it. */
interface Held {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly mediaType: string | undefined;
}

/**
 * Asks the repositories of some states, one after the other, which of their contents are there: one HEAD for each
 * content, until one repository has it.
 *
 * @param isWanted which contents are asked for
 * @returns the first repository that has each content, by its name in the zone; a content that none has is absent
 */
export async function findHolders(
  place: PresencePlace,
  states: readonly RepositoryState[],
  isWanted: (digest: Digest) => boolean,
  options: OperationOptions,
): Promise<Map<Digest, string>> {
  const holders = new Map<Digest, string>();
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const semaphore = new Semaphore(AT_A_TIME);
  for (const state of states) {
    const open = heldBy(state).filter(({ digest }) => isWanted(digest) && !holders.has(digest));
    if (open.length === 0) continue;
    const repository = await place.find(state.name);
    if (repository === undefined) continue;
    try {
      const ask = async (held: Held) => {
        if (await has(repository, held, { ...options, signal })) holders.set(held.digest, state.name);
      };
      await Promise.all(open.map((held) => semaphore.run(() => ask(held))));
    } catch (error) {
      // The other requests would wait and try again.
      stop.abort(error);
      throw error;
    } finally {
      await repository.close();
    }
  }
  return holders;
}

function heldBy({ manifests, blobs }: RepositoryState): Held[] {
  return [...manifests, ...blobs.map(({ digest, sizeBytes }) => ({ digest, sizeBytes, mediaType: undefined }))];
}

async function has(
  repository: Repository,
  { digest, sizeBytes, mediaType = BLOB }: Held,
  options: OperationOptions,
): Promise<boolean> {
  const descriptor = { digest, size: sizeBytes, mediaType };
  if (mediaType === BLOB || isManifestType(mediaType)) return repository.exists(descriptor, options);
  // What is not known as a manifest by its type is found as one by its digest.
  return (await repository.resolve(digest, options))?.digest === digest;
}
