import { CodedError } from '#core';
import { metadataRefused } from '../faults.ts';
import {
  type Envelope,
  maxSnapshotBytes,
  maxTimestampBytes,
  parseSnapshot,
  parseTimestamp,
  type Root,
  requireFile,
  requireThreshold,
  type Snapshot,
  type Timestamp,
} from '../metadata.ts';
import { bytesToRead, type ClientContext, readLocal, requireTimely } from './context.ts';

/**
 * The timestamp of the source (specification §5.4), not older than the one of the state.
 *
 * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_TUF_INVALID, ERR_EXPORT_SIGNATURE_INVALID,
 *   ERR_EXPORT_TUF_ROLLBACK, ERR_EXPORT_TUF_EXPIRED
 */
export async function trustTimestamp(context: ClientContext, root: Envelope<Root>): Promise<Envelope<Timestamp>> {
  const verify = (bytes: Uint8Array, name: string) => {
    const timestamp = parseTimestamp(bytes, name);
    requireThreshold(timestamp, root.signed.roles.timestamp, `root ${root.signed.version}`);
    return timestamp;
  };
  const local = await readLocal(context, 'timestamp', verify);
  const bytes = await context.source.read('metadata', 'timestamp.json', maxTimestampBytes);
  if (bytes === undefined) throw missing('timestamp.json');
  const timestamp = verify(bytes, 'timestamp.json');
  if (local !== undefined) refuseOlderTimestamp(timestamp, local);
  requireTimely(context, 'timestamp', timestamp);
  // Of two spellings of one version the first stays: P-256 signs the same text otherwise each time.
  if (local?.signed.version !== timestamp.signed.version) await context.state.write('timestamp', bytes);
  return timestamp;
}

function refuseOlderTimestamp(timestamp: Envelope<Timestamp>, local: Envelope<Timestamp>): void {
  const { name, signed } = timestamp;
  requireNotOlder(name, 'version', signed.version, local.signed.version);
  requireNotOlder(name, 'snapshot version', signed.snapshot.version, local.signed.snapshot.version);
  const same = signed.version === local.signed.version;
  if (!same || Buffer.from(timestamp.message).equals(local.message)) return;
  throw metadataRefused('ERR_EXPORT_TUF_ROLLBACK', name, `version ${signed.version} is known with other content`);
}

/**
 * The snapshot that the timestamp names (specification §5.5): no role in it is older than in the one of the state, and
 * none has vanished.
 *
 * @throws CodedError ERR_EXPORT_TUF_MISMATCH, ERR_EXPORT_TUF_INVALID, ERR_EXPORT_SIGNATURE_INVALID,
 *   ERR_EXPORT_TUF_ROLLBACK, ERR_EXPORT_TUF_EXPIRED
 */
export async function trustSnapshot(
  context: ClientContext,
  root: Envelope<Root>,
  timestamp: Envelope<Timestamp>,
): Promise<Envelope<Snapshot>> {
  const verify = (bytes: Uint8Array, name: string) => {
    const snapshot = parseSnapshot(bytes, name);
    requireThreshold(snapshot, root.signed.roles.snapshot, `root ${root.signed.version}`);
    return snapshot;
  };
  const facts = timestamp.signed.snapshot;
  const local = await readLocal(context, 'snapshot', verify);
  if (local !== undefined && local.signed.version === facts.version && isFile(local, facts)) {
    requireTimely(context, 'snapshot', local);
    return local;
  }
  const name = `${facts.version}.snapshot.json`;
  const bytes = await context.source.read('metadata', name, bytesToRead(name, facts.length, maxSnapshotBytes));
  if (bytes === undefined) throw absent(name, 'timestamp.json');
  requireFile(bytes, facts, name);
  const snapshot = verify(bytes, name);
  requireVersion(snapshot, facts.version, 'timestamp.json');
  if (local !== undefined) refuseOlderSnapshot(snapshot, local);
  requireTimely(context, 'snapshot', snapshot);
  await context.state.write('snapshot', bytes);
  return snapshot;
}

function isFile(envelope: Envelope, facts: Parameters<typeof requireFile>[1]): boolean {
  try {
    requireFile(envelope.bytes, facts, envelope.name);
    return true;
  } catch {
    return false;
  }
}

function refuseOlderSnapshot({ name, signed }: Envelope<Snapshot>, local: Envelope<Snapshot>): void {
  requireNotOlder(name, 'version', signed.version, local.signed.version);
  for (const [role, { version }] of local.signed.roles) {
    const now = signed.roles.get(role);
    if (now === undefined) throw metadataRefused('ERR_EXPORT_TUF_ROLLBACK', name, `${role}.json is no longer listed`);
    requireNotOlder(name, `version of ${role}`, now.version, version);
  }
}

function requireNotOlder(name: string, what: string, version: number, known: number): void {
  if (version >= known) return;
  const hint = 'this repository or kit is older than one that was accepted before; get the newest one';
  throw metadataRefused('ERR_EXPORT_TUF_ROLLBACK', name, `${what} ${version}, but ${known} is known`, hint);
}

/** @throws CodedError ERR_EXPORT_TUF_MISMATCH where a document is not of the version that another one names */
export function requireVersion({ name, signed }: Envelope, version: number, lister: string): void {
  if (signed.version === version) return;
  const what = `version ${signed.version}, but ${lister} lists ${version}`;
  throw metadataRefused('ERR_EXPORT_TUF_MISMATCH', name, what);
}

/** The error for a file that signed metadata lists and the source does not have. */
export function absent(name: string, lister: string): CodedError {
  return metadataRefused('ERR_EXPORT_TUF_MISMATCH', name, `missing, but ${lister} lists it`);
}

function missing(name: string): CodedError {
  const hint = 'check that the path leads to a TUF repository: a directory with metadata/ and targets/';
  return new CodedError('ERR_EXPORT_NOT_FOUND', `${name}: not found`, { hint, details: { name } });
}
