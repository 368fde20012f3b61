import type { KeyObject } from 'node:crypto';
import { type Instant, type JsonObject, writeFileDurable } from '#core';
import type { Signer } from '#signing';
import { metadataRefused } from '../faults.ts';
import { readBounded } from '../files.ts';
import {
  type Envelope,
  hasTufKeySigned,
  maxRootBytes,
  parseRoot,
  type RoleKeys,
  type Root,
  signersOf,
  type TopLevelRole,
  type TufKey,
  topLevelRoles,
} from '../metadata.ts';
import { headOf, keysToJson, mergeKeys, roleToJson } from './compose.ts';
import { type PublishResult, publish } from './publish.ts';
import {
  isRepository,
  type Lifetimes,
  metadataPath,
  openRepository,
  type Repository,
  withRepositoryLock,
  writeSettings,
} from './repository.ts';
import { encodeDocument, keyidOfSigner, signedOf } from './sign.ts';
import { stagedRootPath } from './staged.ts';

/** Who signs in a new repository. */
export interface InitOptions {
  readonly rootKeys: readonly KeyObject[];
  readonly rootThreshold: number;
  /** They sign the top-level targets. */
  readonly targetsKeys: readonly KeyObject[];
  /** 1 unless told. */
  readonly targetsThreshold?: number | undefined;
  /** They sign snapshot and timestamp. */
  readonly onlineKeys: readonly KeyObject[];
  /** 1 unless told. */
  readonly onlineThreshold?: number | undefined;
  readonly lifetimes: Lifetimes;
  readonly at: Instant;
}

/** How far a root is signed. */
export interface RootProgress {
  readonly version: number;
  readonly expires: Instant;
  /** Keys of the root itself that have signed it. */
  readonly signedBy: readonly string[];
  readonly threshold: number;
  /** Keys of the root before it that have signed it; undefined for the first one. */
  readonly previous: { readonly signedBy: readonly string[]; readonly threshold: number } | undefined;
  readonly complete: boolean;
}

/**
 * Makes a directory a repository with a first root that waits for signatures.
 *
 * @throws CodedError ERR_EXPORT_TUF_STATE where it is one already, or the threshold cannot be reached
 */
export async function initRepository(dir: string, options: InitOptions): Promise<RootProgress> {
  const { rootKeys, rootThreshold, targetsKeys, targetsThreshold, onlineKeys, onlineThreshold } = options;
  const { lifetimes, at } = options;
  return withRepositoryLock(dir, async () => {
    if (await isRepository(dir)) {
      const hint = 'specify another directory; change a role of this repository with: export-center tuf rotate';
      throw metadataRefused('ERR_EXPORT_TUF_STATE', dir, 'already a TUF repository', hint);
    }
    const role = (keys: readonly KeyObject[], threshold = 1): JsonObject => {
      return { keyids: Object.keys(keysToJson(keys)), threshold };
    };
    const signed: JsonObject = {
      ...headOf('root', 1, at, lifetimes.root),
      consistent_snapshot: true,
      keys: keysToJson([...rootKeys, ...targetsKeys, ...onlineKeys]),
      roles: {
        root: role(rootKeys, rootThreshold),
        targets: role(targetsKeys, targetsThreshold),
        snapshot: role(onlineKeys, onlineThreshold),
        timestamp: role(onlineKeys, onlineThreshold),
      },
    };
    const staged = await stageRoot(dir, signed, new Map());
    await writeSettings(dir, lifetimes);
    return progressOf(staged, undefined);
  });
}

async function stageRoot(
  dir: string,
  signed: JsonObject,
  signatures: ReadonlyMap<string, Uint8Array>,
): Promise<Envelope<Root>> {
  const bytes = encodeDocument(signed, signatures);
  const staged = parseRoot(bytes, stagedRootPath(dir));
  await writeFileDurable(stagedRootPath(dir), bytes);
  return staged;
}

/** How far a root is signed, by its own keys and by those of the root before it. */
export function progressOf(root: Envelope<Root>, before: Envelope<Root> | undefined): RootProgress {
  const { version, expires, roles } = root.signed;
  const signedBy = signersOf(root, roles.root);
  const { threshold } = roles.root;
  const old = before?.signed.roles.root;
  const previous = old === undefined ? undefined : { signedBy: signersOf(root, old), threshold: old.threshold };
  const complete =
    signedBy.length >= threshold && (previous === undefined || previous.signedBy.length >= previous.threshold);
  return { version, expires, signedBy, threshold, previous, complete };
}

/** What `tuf root sign` is given. */
export interface SignRootOptions {
  readonly rootSigners: readonly Signer[];
  /** Copies of the staged root that were signed elsewhere. */
  readonly copies: readonly string[];
  /** Of the other roles: they sign what the new root makes necessary. */
  readonly signers: readonly Signer[];
  readonly at: Instant;
}

/** What `tuf root sign` did: the progress, and what was published, or waits, once the root was complete. */
export interface SignedRoot extends RootProgress, PublishResult {}

/**
 * Adds signatures to the staged root, and publishes it as soon as the thresholds are reached, with all that it makes
 * necessary. The signatures stay where that fails for want of another key.
 *
 * @throws CodedError ERR_EXPORT_TUF_STATE where no root is staged, a key is not one of the root's, or a copy is of
 *   another root
 */
export async function signRoot(dir: string, options: SignRootOptions): Promise<SignedRoot> {
  return withRepositoryLock(dir, async () => {
    const repository = await openRepository(dir);
    const { staged } = repository;
    if (staged === undefined) {
      const hint = 'prepare a new root with: export-center tuf rotate root';
      throw metadataRefused('ERR_EXPORT_TUF_STATE', dir, 'no root waits for signatures', hint);
    }
    const before = await rootBefore(repository, staged);
    const signatures = new Map(staged.signatures);
    const keys = new Map([...(before?.signed.roles.root.keys ?? []), ...staged.signed.roles.root.keys]);
    for (const signer of options.rootSigners) {
      const keyid = keyidOfSigner(signer);
      if (!keys.has(keyid)) throw notRootKey(dir, keyid);
      signatures.set(keyid, await signer.sign(staged.message));
    }
    for (const path of options.copies) await addCopied(path, staged, keys, signatures);
    const signed = await stageRoot(dir, signedOf(staged), signatures);
    const progress = progressOf(signed, before);
    if (!progress.complete) return { ...progress, published: [], waiting: [] };
    const { signers, at } = options;
    return { ...progress, ...(await publish(repository, { root: signed }, { signers, at })) };
  });
}

/** The root before the staged one. A run that was killed may have published the staged one already. */
async function rootBefore({ dir, root }: Repository, staged: Envelope<Root>): Promise<Envelope<Root> | undefined> {
  const version = staged.signed.version - 1;
  if (root === undefined || root.signed.version === version) return root;
  const same = Buffer.from(root.message).equals(staged.message);
  if (!same) {
    const hint = 'prepare it again with: export-center tuf rotate root';
    throw metadataRefused('ERR_EXPORT_TUF_STATE', staged.name, `version ${version + 1} is published already`, hint);
  }
  const bytes = await readBounded(metadataPath(dir, `${version}.root.json`), 'the root before', maxRootBytes);
  return bytes === undefined ? undefined : parseRoot(bytes, `${version}.root.json`);
}

async function addCopied(
  path: string,
  staged: Envelope<Root>,
  keys: ReadonlyMap<string, TufKey>,
  signatures: Map<string, Uint8Array>,
): Promise<void> {
  const bytes = await readBounded(path, path, maxRootBytes);
  if (bytes === undefined) {
    throw metadataRefused('ERR_EXPORT_TUF_STATE', path, 'no such file', 'specify a signed copy of staged/root.json');
  }
  const copy = parseRoot(bytes, path);
  if (!Buffer.from(copy.message).equals(staged.message)) {
    const hint = 'let the keys sign a copy of the present staged/root.json';
    throw metadataRefused('ERR_EXPORT_TUF_STATE', path, 'a copy of another root than the staged one', hint);
  }
  for (const [keyid, signature] of copy.signatures) {
    const key = keys.get(keyid);
    if (key !== undefined && hasTufKeySigned(key, staged.message, signature)) signatures.set(keyid, signature);
  }
}

function notRootKey(dir: string, keyid: string) {
  const hint = 'sign with a key that tuf status lists for the root';
  return metadataRefused('ERR_EXPORT_TUF_STATE', dir, `${keyid.slice(0, 12)} is not a key of this root`, hint);
}

/** How the keys of a role change. */
export interface RoleChange {
  readonly add: readonly KeyObject[];
  /** Keyids, or as many of their first digits as are enough. */
  readonly remove: readonly string[];
  readonly threshold: number | undefined;
}

/**
 * Prepares the next root with other keys of a role; with no change, one that expires later. A root that is staged
 * already takes the change too, and loses its signatures.
 *
 * @throws CodedError ERR_EXPORT_TUF_STATE
 */
export async function rotateRoot(dir: string, role: TopLevelRole, change: RoleChange, at: Instant) {
  return withRepositoryLock(dir, async () => {
    const { root, staged, lifetimes } = await openRepository(dir);
    const base = staged !== undefined && staged.signed.version > (root?.signed.version ?? 0) ? staged : root;
    if (base === undefined) throw metadataRefused('ERR_EXPORT_TUF_STATE', dir, 'no root', 'run tuf init again');
    const roles = { ...base.signed.roles, [role]: changedRole(base.signed.roles[role], change, role) };
    const version = (root?.signed.version ?? 0) + 1;
    const all = topLevelRoles.map((name) => roles[name] as RoleKeys);
    const signed: JsonObject = {
      ...headOf('root', version, at, lifetimes.root),
      consistent_snapshot: true,
      keys: mergeKeys(all),
      roles: Object.fromEntries(topLevelRoles.map((name, i) => [name, roleToJson(all[i] as RoleKeys)])),
    };
    return progressOf(await stageRoot(dir, signed, new Map()), root);
  });
}

/** The keys of a role after a change. @throws CodedError ERR_EXPORT_TUF_STATE for a key that is not there */
export function changedRole(role: RoleKeys, change: RoleChange, name: string): RoleKeys {
  const keys = new Map(role.keys);
  for (const prefix of change.remove) {
    const found = [...keys.keys()].filter((keyid) => prefix.length >= 8 && keyid.startsWith(prefix));
    if (found.length !== 1) {
      const hint = 'write at least 8 digits of a keyid that tuf status lists';
      throw metadataRefused('ERR_EXPORT_TUF_STATE', name, `no key, or several, ${prefix} could be`, hint);
    }
    keys.delete(found[0] as string);
  }
  for (const key of publicKeysOf(change.add)) keys.set(key.keyid, key);
  const threshold = change.threshold ?? role.threshold;
  if (threshold >= 1 && threshold <= keys.size) return { keys, threshold };
  const hint = 'add a key, or specify another --threshold';
  throw metadataRefused('ERR_EXPORT_TUF_STATE', name, `threshold ${threshold} of ${keys.size} keys`, hint);
}

/** Public keys as roles hold them. */
export function publicKeysOf(keys: readonly KeyObject[]): readonly TufKey[] {
  return Object.entries(keysToJson(keys)).map(([keyid, json], i) => {
    return { keyid, json, material: keyid, publicKey: keys[i] };
  });
}
