import type { KeyObject } from 'node:crypto';
import type { Instant, JsonObject } from '#core';
import type { Signer } from '#signing';
import { metadataRefused } from '../faults.ts';
import { type Envelope, isStreamName, streamTargetName, type Targets } from '../metadata.ts';
import { changedRole, publicKeysOf, type RoleChange } from './ceremony.ts';
import { delegationOf, sha256 } from './compose.ts';
import { lastSequence } from './listing.ts';
import { type Changes, type PublishResult, publish, withDelegation } from './publish.ts';
import { openRepository, type Repository, withRepositoryLock } from './repository.ts';
import { signedOf } from './sign.ts';

/** Clients become slow above (tuf-js takes 53 ms for 500 targets, 4.4 s for 4,000). */
const MAX_TARGETS = 500;
const MAX_STREAMS = 500;

/** What is added to a stream. */
export interface AddOptions {
  readonly stream: string;
  /** The public key of a stream that may be new; it then needs a signer of the targets too. */
  readonly newKey: KeyObject | undefined;
  readonly bytes: Uint8Array;
  /** The sequence number that a delta builds on; undefined for what needs no other. */
  readonly base: number | undefined;
  readonly signers: readonly Signer[];
  readonly at: Instant;
}

/** A target that was added, or was the newest already. */
export interface AddedTarget extends PublishResult {
  readonly target: string;
  readonly sequence: number;
  readonly digest: string;
}

/**
 * Adds the next target to a stream and publishes it. If the newest target is the same, nothing is written.
 *
 * @throws CodedError ERR_EXPORT_TUF_FULL, ERR_EXPORT_TUF_STATE for a stream or a base that is not there or a key that
 *   is missing
 */
export async function addTarget(dir: string, options: AddOptions): Promise<AddedTarget> {
  const { stream, bytes, signers, at } = options;
  if (!isStreamName(stream)) throw streamInvalid(stream);
  return withRepositoryLock(dir, async () => {
    const repository = await openRepository(dir);
    const delegations = delegationsWith(repository, options);
    const before = repository.streams.get(stream);
    const last = before === undefined ? 0 : lastSequence(before, stream);
    const digest = sha256(bytes);
    const custom = customOf(before, options, last + 1);
    const newest = before?.signed.targets.get(streamTargetName(stream, last));
    if (newest?.hashes.get('sha256') === digest && newest.custom?.['baseSequence'] === custom['baseSequence']) {
      return {
        target: streamTargetName(stream, last),
        sequence: last,
        digest: `sha256:${digest}`,
        published: [],
        waiting: [],
      };
    }
    if ((before?.signed.targets.size ?? 0) >= MAX_TARGETS) throw full(stream);
    const target = streamTargetName(stream, last + 1);
    const targets: JsonObject = {
      ...(before === undefined ? {} : (signedOf(before)['targets'] as JsonObject)),
      [target]: { length: bytes.length, hashes: { sha256: digest }, custom },
    };
    const files = new Map([[`${digest}.${target}`, bytes]]);
    const changes: Changes = { ...delegations, streams: new Map([[stream, targets]]), files };
    const result = await publish(repository, changes, { signers, at });
    return { target, sequence: last + 1, digest: `sha256:${digest}`, ...result };
  });
}

function delegationsWith(repository: Repository, { stream, newKey }: AddOptions): Changes {
  if (delegationOf(repository.targets, stream) !== undefined) return {};
  if (newKey === undefined) {
    const hint = 'begin it with --stream-key and --targets-key, or correct its name';
    throw metadataRefused('ERR_EXPORT_TUF_STATE', stream, 'no stream of this name', hint);
  }
  if ((repository.targets?.signed.delegations.length ?? 0) >= MAX_STREAMS) {
    const hint = 'begin another repository';
    throw metadataRefused('ERR_EXPORT_TUF_FULL', stream, `the repository has ${MAX_STREAMS} streams`, hint);
  }
  const keys = new Map(publicKeysOf([newKey]).map((key) => [key.keyid, key]));
  return { delegations: withDelegation(repository, { name: stream, keys, threshold: 1 }) };
}

/** What a target says beside its bytes: where it stands in its stream, and what it builds on. */
function customOf(before: Envelope<Targets> | undefined, { stream, base }: AddOptions, sequence: number): JsonObject {
  if (base === undefined) return { stream, sequence };
  const hash = before?.signed.targets.get(streamTargetName(stream, base))?.hashes.get('sha256');
  if (hash !== undefined) return { stream, sequence, baseSequence: base, baseDigest: `sha256:${hash}` };
  const hint = 'specify the sequence number of a target that the stream lists';
  throw metadataRefused('ERR_EXPORT_TUF_STATE', stream, `no target ${base} to build on`, hint);
}

/** Changes the keys of a stream; with no change, gives it a later expiry. */
export async function rotateStream(
  dir: string,
  stream: string,
  change: RoleChange,
  signers: readonly Signer[],
  at: Instant,
): Promise<PublishResult> {
  return withRepositoryLock(dir, async () => {
    const repository = await openRepository(dir);
    const [delegation, before] = [delegationOf(repository.targets, stream), repository.streams.get(stream)];
    if (delegation === undefined || before === undefined) {
      const hint = 'specify root, targets, snapshot, timestamp or a stream that tuf status lists';
      throw metadataRefused('ERR_EXPORT_TUF_STATE', stream, 'no role of this name', hint);
    }
    const streams = new Map([[stream, signedOf(before)['targets'] as JsonObject]]);
    if (isUnchanged(change)) return publish(repository, { streams }, { signers, at });
    const delegations = withDelegation(repository, { name: stream, ...changedRole(delegation, change, stream) });
    return publish(repository, { delegations, streams }, { signers, at });
  });
}

/** Gives the top-level targets a later expiry. */
export async function renewTargets(dir: string, signers: readonly Signer[], at: Instant): Promise<PublishResult> {
  return withRepositoryLock(dir, async () => {
    const repository = await openRepository(dir);
    return publish(repository, { delegations: repository.targets?.signed.delegations ?? [] }, { signers, at });
  });
}

/** A new timestamp, and a new snapshot where half of its life is over. */
export async function refreshOnlineRoles(dir: string, signers: readonly Signer[], at: Instant): Promise<PublishResult> {
  return withRepositoryLock(dir, async () => publish(await openRepository(dir), {}, { signers, at }));
}

export function isUnchanged({ add, remove, threshold }: RoleChange): boolean {
  return add.length === 0 && remove.length === 0 && threshold === undefined;
}

function full(stream: string) {
  const hint = `begin a new stream, such as ${stream.slice(0, 60)}-2, with --stream and --stream-key`;
  return metadataRefused('ERR_EXPORT_TUF_FULL', stream, `the stream lists ${MAX_TARGETS} targets`, hint);
}

function streamInvalid(stream: string) {
  const hint = 'use lower-case letters, digits and dashes, at most 64, for example trivy-db';
  return metadataRefused('ERR_EXPORT_TUF_STATE', JSON.stringify(stream.slice(0, 100)), 'not a stream name', hint);
}
