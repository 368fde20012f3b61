import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError, type Instant, isSystemError, writeFileDurable } from '#core';
import { metadataRefused } from '../faults.ts';
import { readBounded } from '../files.ts';
import {
  type Envelope,
  isStreamName,
  maxTargetsBytes,
  parseSnapshot,
  parseTargets,
  parseTimestamp,
  type RoleKeys,
  type Snapshot,
  signersOf,
  type Targets,
  type Timestamp,
} from '../metadata.ts';

/** The next versions of roles below the root, which wait for signatures: those of one publication. */
export interface StagedRoles {
  readonly targets: Envelope<Targets> | undefined;
  readonly streams: ReadonlyMap<string, Envelope<Targets>>;
  readonly snapshot: Envelope<Snapshot> | undefined;
  readonly timestamp: Envelope<Timestamp> | undefined;
}

/** How far a document is signed that waits. */
export interface WaitingRole {
  readonly role: string;
  readonly version: number;
  readonly expires: Instant;
  readonly threshold: number;
  /** All keyids that may sign, and whether they have. */
  readonly keys: readonly { readonly keyid: string; readonly signed: boolean }[];
  readonly complete: boolean;
}

/** Published versions, to tell what is staged from what a killed run has left. */
type VersionOf = (role: string) => number | undefined;

/** Where the root lies that waits for signatures. */
export function stagedRootPath(dir: string): string {
  return join(dir, 'staged', 'root.json');
}

const stagedPath = (dir: string, role: string) => join(dir, 'staged', `${role}.json`);
const stagedTargetPath = (dir: string, file: string) => join(dir, 'staged', 'targets', file);

/**
 * Reads what waits for signatures. A document that is not the next version of its role was published by a run that was
 * killed before it could delete it, and is ignored.
 *
 * @throws CodedError ERR_EXPORT_TUF_INVALID
 */
export async function readStaged(dir: string, versionOf: VersionOf): Promise<StagedRoles> {
  const read = async <T extends Envelope>(role: string, parse: (bytes: Uint8Array, name: string) => T) => {
    const path = stagedPath(dir, role);
    const bytes = await readBounded(path, path, maxTargetsBytes);
    const staged = bytes && parse(bytes, path);
    return staged?.signed.version === (versionOf(role) ?? 0) + 1 ? staged : undefined;
  };
  const streams = new Map<string, Envelope<Targets>>();
  for (const role of await stagedNames(dir)) {
    const staged = isStreamName(role) ? await read(role, parseTargets) : undefined;
    if (staged !== undefined) streams.set(role, staged);
  }
  const targets = await read('targets', parseTargets);
  const snapshot = await read('snapshot', parseSnapshot);
  return { targets, streams, snapshot, timestamp: await read('timestamp', parseTimestamp) };
}

async function stagedNames(dir: string): Promise<readonly string[]> {
  try {
    const names = await readdir(join(dir, 'staged'));
    return names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw fileError(error, dir);
  }
}

/** The document of a role that waits. */
export function stagedOf(staged: StagedRoles, role: string): Envelope | undefined {
  if (role === 'targets' || role === 'snapshot' || role === 'timestamp') return staged[role];
  return staged.streams.get(role);
}

/** Writes documents that wait, in this order, after the targets that they list. */
export async function writeStaged(
  dir: string,
  documents: ReadonlyMap<string, Envelope>,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  for (const [file, bytes] of files) await writeFileDurable(stagedTargetPath(dir, file), bytes);
  for (const [role, { bytes }] of documents) await writeFileDurable(stagedPath(dir, role), bytes);
}

/** Deletes what waited, once it is published. */
export async function deleteStaged(dir: string, roles: Iterable<string>, files: Iterable<string>): Promise<void> {
  for (const role of roles) await rm(stagedPath(dir, role), { force: true });
  for (const file of files) await rm(stagedTargetPath(dir, file), { force: true });
}

/**
 * The targets that a staged stream adds to the published one, by file name.
 *
 * @throws CodedError ERR_EXPORT_TUF_MISMATCH
 */
export async function readStagedTargets(
  dir: string,
  staged: Envelope<Targets>,
  published: Envelope<Targets> | undefined,
  maxBytes: number,
): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const [name, { hashes }] of staged.signed.targets) {
    if (published?.signed.targets.has(name) === true) continue;
    const file = `${hashes.get('sha256')}.${name}`;
    const bytes = await readBounded(stagedTargetPath(dir, file), file, maxBytes);
    if (bytes === undefined) {
      const hint = 'copy staged/ with its targets/, or delete the staged document and add the target again';
      throw metadataRefused('ERR_EXPORT_TUF_MISMATCH', `staged/targets/${file}`, 'missing', hint);
    }
    files.set(file, bytes);
  }
  return files;
}

/** How far a document is signed. */
export function waitingRole(role: string, envelope: Envelope, keys: RoleKeys): WaitingRole {
  const signedBy = signersOf(envelope, keys);
  const { version, expires } = envelope.signed;
  const all = [...keys.keys.keys()].map((keyid) => ({ keyid, signed: signedBy.includes(keyid) }));
  return { role, version, expires, threshold: keys.threshold, keys: all, complete: signedBy.length >= keys.threshold };
}
