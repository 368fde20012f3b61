import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError, isSystemError, type JsonObject, parseJsonObject, withLock, writeFileDurable } from '#core';
import { verifySuccessor } from '../client.ts';
import { metadataRefused } from '../faults.ts';
import { readBounded } from '../files.ts';
import {
  type Envelope,
  type FileFacts,
  JsonNode,
  maxRootBytes,
  maxSnapshotBytes,
  maxTargetsBytes,
  maxTimestampBytes,
  parseRoot,
  parseSnapshot,
  parseTargets,
  parseTimestamp,
  type Root,
  requireFile,
  requireThreshold,
  type Snapshot,
  signersOf,
  type Targets,
  type Timestamp,
  type TopLevelRole,
} from '../metadata.ts';
import { readStaged, type StagedRoles, stagedRootPath } from './staged.ts';

/** For how long a new version of each role is valid, in seconds. */
export interface Lifetimes {
  readonly root: number;
  readonly targets: number;
  readonly stream: number;
  readonly snapshot: number;
  readonly timestamp: number;
}

const DAY = 86_400;

/** What `tuf init` takes unless told. */
export const defaultLifetimes: Lifetimes = {
  root: 365 * DAY,
  targets: 365 * DAY,
  stream: 90 * DAY,
  snapshot: 30 * DAY,
  timestamp: 7 * DAY,
};

/** A repository in a directory, as its files say. */
export interface Repository {
  readonly dir: string;
  readonly lifetimes: Lifetimes;
  /** The newest root that is published. */
  readonly root: Envelope<Root> | undefined;
  /** The next root, which waits for signatures. */
  readonly staged: Envelope<Root> | undefined;
  readonly timestamp: Envelope<Timestamp> | undefined;
  readonly snapshot: Envelope<Snapshot> | undefined;
  readonly targets: Envelope<Targets> | undefined;
  readonly streams: ReadonlyMap<string, Envelope<Targets>>;
  /** What else waits for signatures. */
  readonly waiting: StagedRoles;
}

const SETTINGS = 'repository.json';
const MAX_SETTINGS_BYTES = 4096;

/** Where a file of metadata is published. */
export function metadataPath(dir: string, file: string): string {
  return join(dir, 'metadata', file);
}

/** Runs `work` while no other process changes the repository. @throws CodedError ERR_EXPORT_LOCKED */
export function withRepositoryLock<T>(dir: string, work: () => Promise<T>): Promise<T> {
  return withLock(join(dir, '.lock'), { timeoutMs: 0 }, work);
}

/** Whether a directory is a repository already. */
export async function isRepository(dir: string): Promise<boolean> {
  return (await readBounded(join(dir, SETTINGS), SETTINGS, MAX_SETTINGS_BYTES)) !== undefined;
}

/** Writes the settings, which makes a directory a repository. */
export function writeSettings(dir: string, lifetimes: Lifetimes): Promise<void> {
  return writeFileDurable(join(dir, SETTINGS), `${JSON.stringify({ version: 1, lifetimes }, undefined, 1)}\n`);
}

/**
 * Reads all that the repository says now, and verifies it: what somebody changed on the disk must not be signed with the
 * next version. Expiry does not count.
 *
 * @throws CodedError ERR_EXPORT_TUF_STATE where the directory is not a repository, ERR_EXPORT_TUF_INVALID,
 *   ERR_EXPORT_TUF_MISMATCH for a file that is missing or changed, ERR_EXPORT_SIGNATURE_INVALID
 */
export async function openRepository(dir: string): Promise<Repository> {
  const lifetimes = await readSettings(dir);
  const [root, before] = await readNewestRoots(dir);
  const stagedPath = stagedRootPath(dir);
  const stagedBytes = await readBounded(stagedPath, stagedPath, maxRootBytes);
  const staged = stagedBytes === undefined ? undefined : parseRoot(stagedBytes, stagedPath);
  const none = { timestamp: undefined, snapshot: undefined, targets: undefined, streams: new Map() };
  const bytes = await readBounded(metadataPath(dir, 'timestamp.json'), 'timestamp.json', maxTimestampBytes);
  if (bytes === undefined || root === undefined) {
    return { dir, lifetimes, root, staged, ...none, waiting: await readStaged(dir, () => undefined) };
  }
  const timestamp = parseTimestamp(bytes, 'timestamp.json');
  const roots = before === undefined ? [root] : [root, before];
  requireSigned(timestamp, 'timestamp', roots);
  const facts = timestamp.signed.snapshot;
  const snapshot = await readPublished(dir, `${facts.version}.snapshot.json`, maxSnapshotBytes, parseSnapshot, facts);
  requireSigned(snapshot, 'snapshot', roots);
  const streams = new Map<string, Envelope<Targets>>();
  for (const [role, listed] of snapshot.signed.roles) {
    const file = `${listed.version}.${role}.json`;
    streams.set(role, await readPublished(dir, file, maxTargetsBytes, parseTargets, listed));
  }
  const targets = streams.get('targets') as Envelope<Targets>;
  streams.delete('targets');
  requireSigned(targets, 'targets', roots);
  for (const stream of targets.signed.delegations) {
    const envelope = streams.get(stream.name);
    if (envelope !== undefined) requireThreshold(envelope, stream, targets.name);
  }
  const published = new Map<string, Envelope>([...streams, ...Object.entries({ targets, snapshot, timestamp })]);
  const waiting = await readStaged(dir, (role) => published.get(role)?.signed.version);
  return { dir, lifetimes, root, staged, timestamp, snapshot, targets, streams, waiting };
}

/** A run that was killed may have published a root, and not yet what that root's new keys sign. */
function requireSigned(envelope: Envelope, role: TopLevelRole, roots: readonly Envelope<Root>[]): void {
  const signed = roots.some(({ signed: { roles } }) => {
    return signersOf(envelope, roles[role]).length >= roles[role].threshold;
  });
  const [{ signed: root }] = roots as [Envelope<Root>];
  if (!signed) requireThreshold(envelope, root.roles[role], `root ${root.version}`);
}

async function readPublished<T>(
  dir: string,
  file: string,
  maxBytes: number,
  parse: (bytes: Uint8Array, name: string) => T,
  facts: Partial<FileFacts> = {},
): Promise<T> {
  const bytes = await readBounded(metadataPath(dir, file), file, maxBytes);
  if (bytes === undefined) {
    throw metadataRefused('ERR_EXPORT_TUF_MISMATCH', file, 'missing', 'restore metadata/ from a copy');
  }
  requireFile(bytes, facts, file);
  return parse(bytes, file);
}

/** The newest root and the one before it, which has signed it. */
async function readNewestRoots(dir: string): Promise<[newest?: Envelope<Root>, before?: Envelope<Root>]> {
  const names = await readdir(join(dir, 'metadata')).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return [];
    throw fileError(error, dir);
  });
  const versions = names.flatMap((name) =>
    /^[1-9]\d{0,9}\.root\.json$/.test(name) ? [Number.parseInt(name, 10)] : [],
  );
  if (versions.length === 0) return [];
  const version = Math.max(...versions);
  const newest = await readPublished(dir, `${version}.root.json`, maxRootBytes, parseRoot);
  requireThreshold(newest, newest.signed.roles.root, 'it');
  if (version === 1) return [newest];
  const before = await readPublished(dir, `${version - 1}.root.json`, maxRootBytes, parseRoot);
  return [verifySuccessor(before, newest.bytes, newest.name), before];
}

async function readSettings(dir: string): Promise<Lifetimes> {
  const path = join(dir, SETTINGS);
  const bytes = await readBounded(path, path, MAX_SETTINGS_BYTES);
  if (bytes === undefined) {
    const hint = 'specify the directory that tuf init made, or make one with: export-center tuf init DIR';
    throw metadataRefused('ERR_EXPORT_TUF_STATE', dir, 'not a TUF repository: it has no repository.json', hint);
  }
  const settings = new JsonNode(parseJsonObject(bytes, path) as JsonObject, path);
  if (settings.member('version').integer(1) !== 1) throw settings.fault('version is not 1');
  const lifetimes = settings.member('lifetimes');
  const secondsOf = (role: keyof Lifetimes) => lifetimes.member(role).integer(1);
  return {
    root: secondsOf('root'),
    targets: secondsOf('targets'),
    stream: secondsOf('stream'),
    snapshot: secondsOf('snapshot'),
    timestamp: secondsOf('timestamp'),
  };
}

/**
 * Every root that a repository has published, by file name, the first one first.
 *
 * @throws CodedError ERR_EXPORT_TUF_MISMATCH where one is missing
 */
export async function readRoots({ dir, root }: Repository): Promise<ReadonlyMap<string, Uint8Array>> {
  const roots = new Map<string, Uint8Array>();
  for (let version = 1; version <= (root?.signed.version ?? 0); version++) {
    const name = `${version}.root.json`;
    const bytes = await readBounded(metadataPath(dir, name), name, maxRootBytes);
    if (bytes === undefined) {
      throw metadataRefused('ERR_EXPORT_TUF_MISMATCH', name, 'missing', 'restore the directory from a copy');
    }
    roots.set(name, bytes);
  }
  return roots;
}
