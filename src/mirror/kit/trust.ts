import type { KeyObject } from 'node:crypto';
import { algorithmOf, CodedError, digestOf, type Instant, isCoded } from '#core';
import { blobPath } from '#oci/layout';
import { type ClientState, refreshRepository, type TrustedRepository, type TufSource } from '#tuf';
import { kitFault } from '../faults.ts';
import { namingDamaged } from '../parts.ts';
import { isSignedByAny } from '../signatures.ts';
import { maxSnapshotBytes, parseMirrorSnapshot, snapshotLayer, snapshotTag } from '../snapshot.ts';
import type { KitSnapshot } from './contents.ts';
import { type OpenKit, readKitFile } from './open.ts';
import { kitPaths } from './plan.ts';

/** What a kit has to prove itself to. */
export interface TrustOptions {
  /** A root that came in another way than the kit. */
  readonly trustedRoot: Uint8Array;
  /** What was accepted before. */
  readonly state: ClientState;
  /** The time at which everything has to be valid. */
  readonly at: Instant;
  /** For how many seconds after their expiry timestamp and snapshot are still accepted. */
  readonly acceptExpired?: number | undefined;
  /** The key that must have signed the kit itself; unless told, a kit that is signed must be by a key of its stream. */
  readonly kitKey?: KeyObject | undefined;
}

/** A kit whose snapshot is a verified TUF target. */
export interface TrustedKit {
  readonly snapshot: KitSnapshot;
  readonly repository: TrustedRepository;
  /** Whether the kit itself is signed, so that README.txt and trust/ are covered too. */
  readonly isSigned: boolean;
}

const MAX_CHECKSUMS_BYTES = 256 * 1024 * 1024;
const MAX_SIGNATURE_BYTES = 4096;

/**
 * Follows the chain of trust of a kit: root, timestamp, snapshot, stream, target, the manifest that it is, the document
 * that this names.
 *
 * @throws CodedError those of a TUF client, ERR_EXPORT_KIT_INVALID, ERR_EXPORT_SIGNATURE_INVALID,
 *   ERR_EXPORT_SIGNATURE_MISSING
 */
export function trustKit(open: OpenKit, options: TrustOptions): Promise<TrustedKit> {
  return namingDamaged(open.parts, () => follow(open, options));
}

async function follow(open: OpenKit, options: TrustOptions): Promise<TrustedKit> {
  const { kit, path } = open;
  const { repository, manifest } = await followTuf(open, options);
  const digest = digestOf(manifest);
  if (digest !== kit.snapshot.digest || kit.snapshot.tag !== snapshotTag(kit.stream, kit.sequence)) {
    throw kitFault('ERR_EXPORT_KIT_INVALID', path, `kit.json names another snapshot than TUF, ${digest}`);
  }
  const snapshot = await readSnapshot(open, manifest);
  if (snapshot.snapshot.snapshots !== kit.snapshot.repository) {
    throw kitFault('ERR_EXPORT_KIT_INVALID', path, 'kit.json names another repository of snapshots than the snapshot');
  }
  return { snapshot, repository, isSigned: await requireKitSignature(open, repository, options.kitKey) };
}

/** Root, timestamp, snapshot, stream, and the target that is the snapshot's manifest: the newest of its stream. */
async function followTuf(
  open: OpenKit,
  options: TrustOptions,
): Promise<{ readonly repository: TrustedRepository; readonly manifest: Uint8Array }> {
  const { kit, path } = open;
  try {
    const repository = await refreshRepository({ ...options, source: tufSourceOf(open) });
    const target = await repository.find(`${kit.stream}.${kit.sequence}.json`);
    if (target === undefined) {
      const what = `TUF does not list snapshot ${kit.sequence} of ${kit.stream}`;
      throw kitFault('ERR_EXPORT_KIT_INVALID', path, what);
    }
    if (target.role !== kit.stream || target.custom?.['stream'] !== kit.stream) {
      const what = `its target is of ${target.role}, not of stream ${kit.stream}`;
      throw kitFault('ERR_EXPORT_STREAM_MISMATCH', path, what);
    }
    // Sequence numbers have no gaps. Metadata of today around contents of last year is a replay.
    if ((await repository.find(`${kit.stream}.${kit.sequence + 1}.json`)) !== undefined) {
      const what = `snapshot ${kit.sequence}, but its own TUF metadata lists a newer one of ${kit.stream}`;
      throw kitFault('ERR_EXPORT_TUF_ROLLBACK', path, what, 'get the newest kit');
    }
    return { repository, manifest: await repository.download(target) };
  } catch (error) {
    if (!isCoded(error, 'ERR_EXPORT_NOT_FOUND')) throw error;
    throw kitFault('ERR_EXPORT_KIT_INCOMPLETE', path, `TUF: ${error.message}`, undefined, error);
  }
}

/** TUF as a kit carries it. */
function tufSourceOf(open: OpenKit): TufSource {
  return { read: (folder, path, maxBytes) => readKitFile(open, `tuf/${folder}/${path}`, maxBytes) };
}

async function readSnapshot(open: OpenKit, manifest: Uint8Array): Promise<KitSnapshot> {
  const { kit, path } = open;
  const name = `${path}: snapshot ${kit.snapshot.digest}`;
  const layer = snapshotLayer(manifest, name);
  const bytes = await readKitFile(open, blobPath(layer.digest), maxSnapshotBytes);
  if (bytes === undefined) {
    throw kitFault('ERR_EXPORT_KIT_INCOMPLETE', path, `${layer.digest}, the snapshot's document, is missing`);
  }
  if (digestOf(bytes, algorithmOf(layer.digest)) !== layer.digest || bytes.byteLength !== layer.size) {
    throw kitFault('ERR_EXPORT_KIT_INVALID', path, `${layer.digest}, the snapshot's document, is damaged`);
  }
  const snapshot = parseMirrorSnapshot(bytes, name);
  if (snapshot.stream !== kit.stream) {
    throw kitFault(
      'ERR_EXPORT_STREAM_MISMATCH',
      path,
      `its snapshot is of stream ${snapshot.stream}, not ${kit.stream}`,
    );
  }
  return {
    kit,
    snapshot,
    manifestBytes: manifest.byteLength,
    document: { digest: layer.digest, sizeBytes: layer.size },
  };
}

/** @returns whether the kit is signed */
async function requireKitSignature(
  open: OpenKit,
  repository: TrustedRepository,
  kitKey: KeyObject | undefined,
): Promise<boolean> {
  const { path, kit } = open;
  const text = await readKitFile(open, kitPaths.signature, MAX_SIGNATURE_BYTES);
  if (text === undefined) {
    if (kitKey === undefined) {
      open.parts?.requireUnsigned();
      return false;
    }
    throw kitFault(
      'ERR_EXPORT_SIGNATURE_MISSING',
      path,
      'the kit is not signed',
      'omit --kit-key, or get a signed kit',
    );
  }
  const checksums = await readKitFile(open, kitPaths.checksums, MAX_CHECKSUMS_BYTES);
  if (checksums === undefined) throw kitFault('ERR_EXPORT_KIT_INCOMPLETE', path, `missing: ${kitPaths.checksums}`);
  const keys = kitKey === undefined ? await repository.keysOf(kit.stream) : [kitKey];
  if (isSignedByAny(keys, checksums, text)) {
    open.parts?.requireSigned(keys);
    return true;
  }
  const who = kitKey === undefined ? `a key of stream ${kit.stream}` : 'the key of --kit-key';
  throw new CodedError('ERR_EXPORT_SIGNATURE_INVALID', `${path}: ${kitPaths.signature} is not a signature by ${who}`, {
    hint: 'if another key signs kits, specify it with --kit-key; otherwise get the kit again',
    details: { path },
  });
}
