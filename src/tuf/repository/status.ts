import { addSeconds, compareInstants, type Instant, isCoded } from '#core';
import { directorySource, memoryState, refreshRepository } from '../client.ts';
import { type Envelope, type RoleKeys, signersOf, topLevelRoles } from '../metadata.ts';
import { progressOf, type RootProgress } from './ceremony.ts';
import { waitingRoles } from './partial.ts';
import { openRepository, type Repository } from './repository.ts';
import type { WaitingRole } from './staged.ts';

/** A role as it is published. */
export interface RoleStatus {
  readonly role: string;
  readonly version: number;
  readonly expires: Instant;
  /** `expiring`: within the time that was asked for. `unsigned`: by fewer of its keys than it needs. */
  readonly state: 'valid' | 'expiring' | 'expired' | 'unsigned';
  readonly threshold: number;
  /** All keyids that may sign, and whether they have signed this version. */
  readonly keys: readonly { readonly keyid: string; readonly signed: boolean }[];
  /** Of a stream. */
  readonly targets?: number;
}

/** What a repository says, and what a client makes of it. */
export interface RepositoryStatus {
  readonly roles: readonly RoleStatus[];
  /** The root that waits for signatures. */
  readonly staged: RootProgress | undefined;
  /** What else waits for signatures. */
  readonly waiting: readonly WaitingRole[];
  /** Why a new client would refuse the repository now; undefined where it would not. */
  readonly refused: string | undefined;
}

/**
 * Who has signed what, and when it expires.
 *
 * @param within in seconds: what expires so soon is `expiring`, but never with more than half of its lifetime left
 * @throws CodedError ERR_EXPORT_TUF_STATE, ERR_EXPORT_TUF_INVALID
 */
export async function statusOf(dir: string, at: Instant, within: number): Promise<RepositoryStatus> {
  const repository = await openRepository(dir);
  const { root, staged, targets, streams, lifetimes } = repository;
  const pending = staged !== undefined && staged.signed.version > (root?.signed.version ?? 0) ? staged : undefined;
  const soon = (lifetime: number) => Math.min(within, Math.floor(lifetime / 2));
  const roles: RoleStatus[] = [];
  if (root !== undefined) {
    const published = { root, targets, snapshot: repository.snapshot, timestamp: repository.timestamp };
    for (const role of topLevelRoles) {
      const envelope = published[role];
      if (envelope !== undefined)
        roles.push(describe(role, envelope, root.signed.roles[role], at, soon(lifetimes[role])));
    }
    const described = (targets?.signed.delegations ?? []).flatMap((stream) => {
      const envelope = streams.get(stream.name);
      if (envelope === undefined) return [];
      return [
        {
          ...describe(stream.name, envelope, stream, at, soon(lifetimes.stream)),
          targets: envelope.signed.targets.size,
        },
      ];
    });
    roles.push(...described);
  }
  const waiting = waitingRoles(repository);
  const first = waiting.length === 0 ? 'the first root is not signed yet' : 'the first publication is not signed yet';
  const refused = root === undefined ? first : await refusalOf(repository, at);
  const progress = pending === undefined ? undefined : progressOf(pending, root);
  return { roles, staged: progress, waiting, refused };
}

function describe(role: string, envelope: Envelope, keys: RoleKeys, at: Instant, within: number): RoleStatus {
  const signedBy = signersOf(envelope, keys);
  const { version, expires } = envelope.signed;
  let state: RoleStatus['state'] = 'valid';
  if (signedBy.length < keys.threshold) state = 'unsigned';
  else if (compareInstants(at, expires) >= 0) state = 'expired';
  else if (compareInstants(addSeconds(at, within), expires) >= 0) state = 'expiring';
  const all = [...keys.keys.keys()].map((keyid) => ({ keyid, signed: signedBy.includes(keyid) }));
  return { role, version, expires, state, threshold: keys.threshold, keys: all };
}

async function refusalOf({ dir }: Repository, at: Instant): Promise<string | undefined> {
  const source = directorySource(dir);
  try {
    // The oldest root there is: each newer one has to follow from it.
    const trustedRoot = (await source.read('metadata', '1.root.json', 512_000)) ?? new Uint8Array(0);
    const trusted = await refreshRepository({ trustedRoot, source, state: memoryState(), at });
    const { signed, name } = await trusted.targets();
    for (const stream of signed.delegations) await trusted.load(stream.name, stream, name);
    return undefined;
  } catch (error) {
    if (isCoded(error)) return error.message;
    throw error;
  }
}
