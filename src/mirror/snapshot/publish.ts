import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { type Clock, type Descriptor, type Digest, type Instant, instantOf, mediaTypes, withLock } from '#core';
import {
  bareDescriptor,
  contentOf,
  emptyConfig,
  emptyDescriptor,
  fetchBytes,
  type OperationOptions,
  type PackedManifest,
  packManifest,
  parseManifest,
  type RegistryReference,
  type Repository,
} from '#oci/image';
import { ArtifactSigner, type BuildType, pushSignedObject, type Signer } from '#signing';
import { addTarget, newestTarget, type StreamTarget } from '#tuf';
import { kitFault } from '../faults.ts';
import type { MirrorSpec } from '../spec.ts';
import {
  checkMirrorProvenanceParameters,
  type MirrorProvenanceParameters,
} from './mirror-provenance-parameters.generated.ts';
import { type MirrorSnapshot, parseMirrorSnapshot } from './mirror-snapshot.generated.ts';
import type { TakenSnapshot } from './take.ts';

/** How a mirror snapshot is made; docs/formats/mirror.md says what the parameters mean. */
const mirrorBuild: BuildType<MirrorProvenanceParameters> = {
  uri: 'https://stellaops.io/export-center/build/mirror-snapshot/v1',
  check: checkMirrorProvenanceParameters,
};

/** Who signs a snapshot, and as what. */
export interface SnapshotSigning {
  /** As bundles are signed, so that cosign verifies it. */
  readonly signer: Signer;
  /** Of the TUF stream, of the top-level targets where the stream is new, of snapshot and timestamp. */
  readonly tufSigners: readonly Signer[];
  /** The key that signs for the stream if it is new. */
  readonly streamSigner: Signer | undefined;
  readonly builderId: string;
  readonly builderVersion: Readonly<Record<string, string>>;
  readonly clock: Clock;
}

/** Where snapshots are kept. */
interface SnapshotPlace {
  readonly repository: Repository;
  /** Its name, which the signatures bear. */
  readonly reference: RegistryReference;
}

/** A snapshot that is published. */
export interface PublishedSnapshot {
  readonly sequence: number;
  /** Of its manifest. */
  readonly digest: Digest;
  readonly tag: string;
  /** False where it was the newest already and nothing was written. */
  readonly isNew: boolean;
  /** Roles of the TUF repository that lack signatures: until they have them, the snapshot is not listed. */
  readonly waiting: readonly string[];
}

/** The tag of a snapshot in the repository of snapshots. */
export function snapshotTag(stream: string, sequence: number): string {
  return `${stream}.${sequence}`;
}

/** The newest snapshot of a stream, as TUF lists it. */
export interface NewestSnapshot extends StreamTarget {
  readonly document: MirrorSnapshot;
}

/**
 * The newest snapshot of a spec's stream.
 *
 * @returns undefined where there is none
 * @throws CodedError ERR_EXPORT_NOT_FOUND where TUF lists one that the repository of snapshots does not have
 */
export async function readNewest(
  { tuf, stream }: MirrorSpec,
  snapshots: Repository,
  options: OperationOptions = {},
): Promise<NewestSnapshot | undefined> {
  const newest = await newestTarget(tuf, stream);
  if (newest === undefined) return undefined;
  return { ...newest, document: await readSnapshot(snapshots, newest.digest, options) };
}

/**
 * The document of a snapshot, by the digest of its manifest.
 *
 * @param snapshots the repository of snapshots, at the source or in a zone
 * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_KIT_INVALID where it is something else
 */
export async function readSnapshot(
  snapshots: Repository,
  digest: Digest,
  options: OperationOptions,
): Promise<MirrorSnapshot> {
  const name = `${snapshots.name}@${digest}`;
  const found = await snapshots.resolve(digest, options);
  if (found === undefined) throw kitFault('ERR_EXPORT_NOT_FOUND', name, 'not found, but TUF lists it');
  const layer = snapshotLayer(await fetchBytes(snapshots, found, options), name);
  const limits = { ...options, maxBytes: maxSnapshotBytes };
  return parseMirrorSnapshot(await fetchBytes(snapshots, bareDescriptor(layer), limits), name);
}

/** A mirror of a million contents has a snapshot of some 300 MiB; a text of JSON may be no longer than 512 MiB. */
export const maxSnapshotBytes = 500 * 1024 * 1024;

/** The layer with the document, in a snapshot's manifest. @throws CodedError ERR_EXPORT_KIT_INVALID */
export function snapshotLayer(manifest: Uint8Array, name: string): Descriptor {
  const parsed = parseManifest(manifest, mediaTypes.ociManifest, name);
  const layers = parsed.kind === 'manifest' ? parsed.layers : [];
  const [layer] = layers;
  if (layers.length === 1 && layer?.mediaType === mediaTypes.mirrorSnapshot) return layer;
  throw kitFault('ERR_EXPORT_KIT_INVALID', name, 'not a mirror snapshot');
}

/** The manifest of a snapshot: the document is its only layer. */
function packSnapshot({ bytes, digest }: Pick<TakenSnapshot, 'bytes' | 'digest'>): PackedManifest {
  const layer: Descriptor = { mediaType: mediaTypes.mirrorSnapshot, digest, size: bytes.byteLength };
  return packManifest({ artifactType: mediaTypes.mirrorSnapshot, layers: [layer] });
}

/**
 * Publishes a snapshot: document and manifest, signature and provenance, its tag, and last the TUF target, which is the
 * commit. Killed at any moment it can be run again; a snapshot that is the newest already is not published again.
 *
 * @param prepare opens the keys; not called where there is nothing to sign
 * @throws CodedError ERR_EXPORT_LOCKED at once where another process publishes a snapshot of the stream
 */
export async function publishSnapshot(
  spec: MirrorSpec,
  taken: TakenSnapshot,
  snapshots: SnapshotPlace,
  prepare: () => Promise<SnapshotSigning>,
  options: OperationOptions = {},
): Promise<PublishedSnapshot> {
  const manifest = packSnapshot(taken);
  // The tag has the number that the target will have.
  return withLock(join(spec.tuf, `.${spec.stream}.lock`), { timeoutMs: 0 }, async () => {
    const { digest } = manifest.descriptor;
    const newest = await newestTarget(spec.tuf, spec.stream);
    if (newest?.digest === digest && (await snapshots.repository.exists(manifest.descriptor, options))) {
      const tag = snapshotTag(spec.stream, newest.sequence);
      return { sequence: newest.sequence, digest, tag, isNew: false, waiting: [] };
    }
    return publish({ spec, taken, manifest, snapshots, newest, signing: await prepare() }, options);
  });
}

/** What one publication works with. */
interface Publication {
  readonly spec: MirrorSpec;
  readonly taken: TakenSnapshot;
  readonly manifest: PackedManifest;
  readonly snapshots: SnapshotPlace;
  readonly newest: StreamTarget | undefined;
  readonly signing: SnapshotSigning;
}

async function publish(publication: Publication, options: OperationOptions): Promise<PublishedSnapshot> {
  const { spec, taken, manifest, snapshots, newest, signing } = publication;
  const startedOn = instantOf(signing.clock.now());
  const { digest } = manifest.descriptor;
  const { repository } = snapshots;
  const sequence = newest?.digest === digest ? newest.sequence : (newest?.sequence ?? 0) + 1;
  await pushSnapshot(repository, taken, manifest, options);
  await sign(publication, startedOn, options);
  const tag = snapshotTag(spec.stream, sequence);
  await repository.tag(manifest.descriptor, tag, options);
  await repository.flush?.(options);
  const { streamSigner, tufSigners, clock } = signing;
  const { waiting } = await addTarget(spec.tuf, {
    stream: spec.stream,
    newKey: streamSigner?.publicKey,
    bytes: manifest.bytes,
    base: undefined,
    signers: tufSigners,
    at: instantOf(clock.now()),
  });
  return { sequence, digest, tag, isNew: true, waiting: waiting.map(({ role }) => role) };
}

async function pushSnapshot(
  repository: Repository,
  { bytes, digest }: TakenSnapshot,
  manifest: PackedManifest,
  options: OperationOptions,
): Promise<void> {
  const layer = { mediaType: mediaTypes.mirrorSnapshot, digest, size: bytes.byteLength };
  await repository.push(bareDescriptor(emptyDescriptor), contentOf(emptyConfig), options);
  await repository.push(layer, contentOf(bytes), options);
  await repository.push(manifest.descriptor, contentOf(manifest.bytes), options);
}

async function sign(
  { spec, taken, manifest: { descriptor }, snapshots, signing }: Publication,
  startedOn: Instant,
  options: OperationOptions,
): Promise<void> {
  const { repository, reference } = snapshots;
  const { signer, builderId, builderVersion, clock } = signing;
  const created = instantOf(clock.now());
  const provenance = {
    externalParameters: { stream: spec.stream, specDigest: spec.digest },
    resolvedDependencies: taken.resolved.map(({ uri, digest }) => {
      return { uri: `oci://${uri}`, digest: digestSetOf(digest) };
    }),
    builder: { id: builderId, version: builderVersion },
    run: { invocationId: randomUUID(), startedOn, finishedOn: created },
  };
  const signed = { artifact: descriptor, companions: [], created };
  const artifact = new ArtifactSigner(signed, { signer, buildType: mirrorBuild, provenance });
  const place = { repository, dockerReference: `${reference.registry}/${reference.repository}` };
  await artifact.sign(place, async (object) => void (await pushSignedObject(repository, object, options)), options);
}

function digestSetOf(digest: Digest): Readonly<Record<string, string>> {
  const [algorithm = '', hex = ''] = digest.split(':');
  return { [algorithm]: hex };
}
