import type { Instant, JsonObject } from '#core';
import type { Signer } from '#signing';
import { metadataRefused } from '../faults.ts';
import { readBounded } from '../files.ts';
import {
  type Envelope,
  hasTufKeySigned,
  maxTargetsBytes,
  parseAnyDocument,
  type RoleKeys,
  type Root,
} from '../metadata.ts';
import { progressOf } from './ceremony.ts';
import { delegationOf } from './compose.ts';
import { type Changes, type PublishResult, publish } from './publish.ts';
import { openRepository, type Repository, withRepositoryLock } from './repository.ts';
import { encodeDocument, keyidOfSigner, signedOf } from './sign.ts';
import { readStagedTargets, type WaitingRole, waitingRole, writeStaged } from './staged.ts';

/** What `tuf sign` is given. */
export interface SignWaitingOptions {
  readonly signers: readonly Signer[];
  /** Copies of staged documents that were signed elsewhere. */
  readonly copies: readonly string[];
  readonly at: Instant;
}

/** As much as clients read. */
const MAX_TARGET_BYTES = 64 * 1024 * 1024;

/**
 * Adds signatures to the roles below the root that wait for them, and publishes all as soon as each has enough.
 *
 * @throws CodedError ERR_EXPORT_TUF_STATE where nothing waits, a key is of none of these roles, or a copy is of another
 *   document
 */
export async function signWaiting(dir: string, { signers, copies, at }: SignWaitingOptions): Promise<PublishResult> {
  return withRepositoryLock(dir, async () => {
    const repository = await openRepository(dir);
    const waiting = waitingDocuments(repository);
    if (waiting.size === 0) throw nothingWaits(dir);
    const keyids = new Set([...rolesOf(repository)].flatMap(({ keys }) => [...keys.keys()]));
    const stranger = signers.map(keyidOfSigner).find((keyid) => !keyids.has(keyid));
    if (stranger !== undefined) throw notKey(dir, stranger);
    for (const path of copies) await mergeCopy(repository, path);
    const merged = copies.length === 0 ? repository : await openRepository(dir);
    return publish(merged, await changesOf(merged), { signers, at, mayWait: true });
  });
}

/** The documents below the root that wait, with the keys of their roles. */
function waitingDocuments(repository: Repository): Map<string, readonly [Envelope, RoleKeys]> {
  const { waiting } = repository;
  const root = rootToBe(repository);
  const found = new Map<string, readonly [Envelope, RoleKeys]>();
  for (const [stream, envelope] of waiting.streams) {
    const keys = delegationOf(waiting.targets ?? repository.targets, stream);
    if (keys !== undefined) found.set(stream, [envelope, keys]);
  }
  for (const role of ['targets', 'snapshot', 'timestamp'] as const) {
    const envelope = waiting[role];
    if (envelope !== undefined && root !== undefined) found.set(role, [envelope, root.signed.roles[role]]);
  }
  return found;
}

/** How far each document below the root is signed that waits. */
export function waitingRoles(repository: Repository): readonly WaitingRole[] {
  return [...waitingDocuments(repository)].map(([role, [envelope, keys]]) => waitingRole(role, envelope, keys));
}

/** The staged root where it is complete and only waits for the others, else the published one. */
function rootToBe({ root, staged }: Repository): Envelope<Root> | undefined {
  return completeRoot(root, staged) ?? root;
}

function completeRoot(root: Envelope<Root> | undefined, staged: Envelope<Root> | undefined) {
  if (staged === undefined || staged.signed.version !== (root?.signed.version ?? 0) + 1) return undefined;
  return progressOf(staged, root).complete ? staged : undefined;
}

/** All roles whose keys may be asked for. */
function rolesOf(repository: Repository): readonly RoleKeys[] {
  const roles = rootToBe(repository)?.signed.roles;
  const { delegations } = (repository.waiting.targets ?? repository.targets)?.signed ?? { delegations: [] };
  return [...(roles === undefined ? [] : [roles.targets, roles.snapshot, roles.timestamp]), ...delegations];
}

async function changesOf({ dir, root, staged, streams, waiting }: Repository): Promise<Changes> {
  const files = new Map<string, Uint8Array>();
  const changed = new Map<string, JsonObject>();
  for (const [stream, envelope] of waiting.streams) {
    changed.set(stream, signedOf(envelope)['targets'] as JsonObject);
    const added = await readStagedTargets(dir, envelope, streams.get(stream), MAX_TARGET_BYTES);
    for (const [file, bytes] of added) files.set(file, bytes);
  }
  const next = completeRoot(root, staged);
  const delegations = waiting.targets?.signed.delegations;
  return {
    ...(next === undefined ? {} : { root: next }),
    ...(delegations === undefined ? {} : { delegations }),
    ...{ streams: changed, files },
  };
}

/** Takes the signatures of a copy of a staged document. */
async function mergeCopy(repository: Repository, path: string): Promise<void> {
  const bytes = await readBounded(path, path, maxTargetsBytes);
  if (bytes === undefined) {
    const hint = 'specify a signed copy of a file in staged/';
    throw metadataRefused('ERR_EXPORT_TUF_STATE', path, 'no such file', hint);
  }
  const copy = parseAnyDocument(bytes, path, maxTargetsBytes);
  const found = [...waitingDocuments(repository)].find(([, [{ message }]]) =>
    Buffer.from(message).equals(copy.message),
  );
  if (found === undefined) {
    const hint = 'let the keys sign a copy of the present staged/';
    throw metadataRefused('ERR_EXPORT_TUF_STATE', path, 'a copy of no document that waits', hint);
  }
  const [role, [envelope, { keys, threshold }]] = found;
  const signatures = new Map(envelope.signatures);
  for (const [keyid, signature] of copy.signatures) {
    const key = keys.get(keyid);
    if (signatures.size >= threshold || key === undefined) continue;
    if (hasTufKeySigned(key, envelope.message, signature)) signatures.set(keyid, signature);
  }
  const merged = parseAnyDocument(encodeDocument(signedOf(envelope), signatures), envelope.name, maxTargetsBytes);
  await writeStaged(repository.dir, new Map([[role, merged]]), new Map());
}

function nothingWaits(dir: string) {
  const hint = 'a root is signed with: export-center tuf root sign; tuf status shows what waits';
  return metadataRefused('ERR_EXPORT_TUF_STATE', dir, 'no role below the root waits for signatures', hint);
}

function notKey(dir: string, keyid: string) {
  const hint = 'sign with a key that tuf status lists for a role that waits';
  return metadataRefused('ERR_EXPORT_TUF_STATE', dir, `${keyid.slice(0, 12)} is not a key of these roles`, hint);
}
