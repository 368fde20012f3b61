import { join } from 'node:path';
import { compareInstants, type Digest, type Instant } from '#core';
import { metadataRefused } from '../faults.ts';
import { readBounded } from '../files.ts';
import { type Envelope, streamTargetName, type Targets } from '../metadata.ts';
import { openRepository, type Repository, readRoots } from './repository.ts';

/** A target of a stream. */
export interface StreamTarget {
  readonly name: string;
  readonly sequence: number;
  readonly digest: Digest;
}

/** A file of a repository as any client reads it, exactly as it was signed. */
export interface RepositoryFile {
  /** Below the directory of the repository: `metadata/3.snapshot.json`, `targets/HASH.NAME`. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** The role that something depends on and that expires first. */
export interface EarliestExpiry {
  readonly role: string;
  readonly expires: Instant;
}

/** As much as clients read of a target. */
const MAX_TARGET_BYTES = 64 * 1024 * 1024;

/**
 * The newest target of a stream.
 *
 * @returns undefined where the repository has no such stream yet, or nothing in it
 * @throws CodedError ERR_EXPORT_TUF_STATE, ERR_EXPORT_TUF_INVALID, ERR_EXPORT_TUF_MISMATCH, ERR_EXPORT_SIGNATURE_INVALID
 */
export async function newestTarget(dir: string, stream: string): Promise<StreamTarget | undefined> {
  return newestIn(await openRepository(dir), stream);
}

/**
 * All targets of a stream, by sequence number; none where the repository has no such stream yet.
 *
 * @throws CodedError as newestTarget
 */
export async function targetsOf(dir: string, stream: string): Promise<ReadonlyMap<number, StreamTarget>> {
  const { streams } = await openRepository(dir);
  const found = new Map<number, StreamTarget>();
  for (const [name, { hashes }] of streams.get(stream)?.signed.targets ?? []) {
    const sequence = sequenceIn(name, stream);
    const hash = hashes.get('sha256');
    if (hash !== undefined && name === streamTargetName(stream, sequence)) {
      found.set(sequence, { name, sequence, digest: `sha256:${hash}` as Digest });
    }
  }
  return found;
}

/**
 * All that a client needs to verify the newest target of a stream, and the target itself: every root, the current
 * metadata of all roles, in byte order of path.
 *
 * @throws CodedError ERR_EXPORT_TUF_STATE where there is no such target, ERR_EXPORT_TUF_MISMATCH where a file is missing
 */
export async function filesForNewest(
  dir: string,
  stream: string,
): Promise<{
  readonly target: StreamTarget;
  /** All targets of the stream, the newest first. */
  readonly targets: readonly StreamTarget[];
  readonly files: readonly RepositoryFile[];
  readonly expiry: EarliestExpiry;
}> {
  const repository = await openRepository(dir);
  const listed = targetsIn(repository, stream);
  const [target] = listed;
  if (target === undefined) {
    const hint = 'take a snapshot first with: export-center mirror snapshot';
    throw metadataRefused('ERR_EXPORT_TUF_STATE', stream, 'the stream has no target', hint);
  }
  const { timestamp, snapshot, targets, streams } = repository;
  const current = [timestamp, snapshot, targets, ...streams.values()].filter((envelope) => envelope !== undefined);
  const documents = [...(await readRoots(repository)), ...current.map(({ name, bytes }) => [name, bytes] as const)];
  const metadata = documents.map(([name, bytes]) => ({ path: `metadata/${name}`, bytes }));
  const files = [...metadata, await readTarget(dir, target)];
  const expiry = earliestOf([repository.root, timestamp, snapshot, targets, streams.get(stream)], stream);
  return { target, targets: listed, files: files.toSorted((a, b) => (a.path < b.path ? -1 : 1)), expiry };
}

function earliestOf(envelopes: readonly (Envelope | undefined)[], stream: string): EarliestExpiry {
  const roles = ['root', 'timestamp', 'snapshot', 'targets', stream];
  const expiries = envelopes.flatMap((envelope, i): EarliestExpiry[] =>
    envelope === undefined ? [] : [{ role: roles[i] as string, expires: envelope.signed.expires }],
  );
  return expiries.toSorted((a, b) => compareInstants(a.expires, b.expires))[0] as EarliestExpiry;
}

function newestIn(repository: Repository, stream: string): StreamTarget | undefined {
  return targetsIn(repository, stream)[0];
}

/** The targets of a stream, the newest first. */
function targetsIn({ streams }: Repository, stream: string): StreamTarget[] {
  const envelope = streams.get(stream);
  const last = envelope === undefined ? 0 : lastSequence(envelope, stream);
  const targets: StreamTarget[] = [];
  for (let sequence = last; sequence > 0; sequence--) {
    const name = streamTargetName(stream, sequence);
    const hash = envelope?.signed.targets.get(name)?.hashes.get('sha256');
    if (hash === undefined) break;
    targets.push({ name, sequence, digest: `sha256:${hash}` as Digest });
  }
  return targets;
}

/** The highest sequence number in a stream; 0 where it has no target. */
export function lastSequence({ signed }: Envelope<Targets>, stream: string): number {
  const numbers = [...signed.targets.keys()].map((name) => sequenceIn(name, stream));
  return Math.max(0, ...numbers.filter(Number.isSafeInteger));
}

/** The sequence number in the name of a stream's target; NaN in that of another target. */
function sequenceIn(name: string, stream: string): number {
  return Number(name.slice(stream.length + 1, -'.json'.length));
}

async function readTarget(dir: string, { name, digest }: StreamTarget): Promise<RepositoryFile> {
  const file = `${digest.slice('sha256:'.length)}.${name}`;
  const bytes = await readBounded(join(dir, 'targets', file), file, MAX_TARGET_BYTES);
  if (bytes === undefined) throw metadataRefused('ERR_EXPORT_TUF_MISMATCH', file, 'missing, but the stream lists it');
  return { path: `targets/${file}`, bytes };
}
