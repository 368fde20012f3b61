import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { CodedError, compareText, type Digest, digestOf, fileError, mediaTypes } from '#core';
import { bareDescriptor, cosignTagsOf, fetchBytes, type OperationOptions, type Repository } from '#oci/image';
import { type EarliestExpiry, filesForNewest } from '#tuf';
import type { Base, BaseContext, BaseRequest } from '../delta.ts';
import { kitFault } from '../faults.ts';
import { maxSnapshotBytes, parseMirrorSnapshot, snapshotLayer, snapshotTag, walkRepository } from '../snapshot.ts';
import type { MirrorSpec } from '../spec.ts';
import type { KitSnapshot } from './contents.ts';
import type { MirrorKit } from './mirror-kit.generated.ts';
import { type KitPlan, planKit, tufFilesOf } from './plan.ts';

/** A planned kit, and when its TUF metadata begins to expire. */
export interface GatheredKit extends KitPlan {
  readonly expiry: EarliestExpiry;
}

/** What a kit is gathered for. */
export interface GatherOptions extends OperationOptions {
  /** What the zones have: each zone must have one of them. None for a full kit. */
  readonly bases?: readonly BaseRequest[] | undefined;
}

/**
 * Plans a kit of the newest snapshot of a spec's stream.
 *
 * @param snapshots the repository of snapshots
 * @throws CodedError those of bases, ERR_EXPORT_TUF_STATE where there is no snapshot, ERR_EXPORT_NOT_FOUND where it is gone,
 *   ERR_EXPORT_MIRROR_SPEC
 */
export async function gatherKit(
  spec: MirrorSpec,
  snapshots: Repository,
  { bases: requests = [], ...options }: GatherOptions = {},
): Promise<GatheredKit> {
  const { target, targets, files, expiry } = await filesForNewest(spec.tuf, spec.stream);
  const descriptor = await snapshots.resolve(target.digest, options);
  if (descriptor === undefined) {
    const hint = 'take a new snapshot with: export-center mirror snapshot';
    throw kitFault('ERR_EXPORT_NOT_FOUND', `${snapshots.name}@${target.digest}`, 'not found, but TUF lists it', hint);
  }
  const name = `${snapshots.name}@${target.digest}`;
  const layer = snapshotLayer(await fetchBytes(snapshots, descriptor, options), name);
  const document = await fetchBytes(snapshots, bareDescriptor(layer), { ...options, maxBytes: maxSnapshotBytes });
  const snapshot = parseMirrorSnapshot(document, name);
  const repository = spec.snapshots.repository;
  if (snapshot.repositories.some((each) => each.name === repository)) throw nameTaken(repository);
  const bases = await resolveBases(requests, {
    ...options,
    spec,
    snapshots,
    targets,
    repositories: snapshot.repositories,
  });
  const extra = new Map([...tufFilesOf(files), ...(await readTrust(spec))]);
  const kit: MirrorKit = {
    formatVersion: 1,
    stream: spec.stream,
    sequence: target.sequence,
    snapshot: {
      repository,
      tag: snapshotTag(spec.stream, target.sequence),
      digest: target.digest,
      evidence: await evidenceOf(snapshots, target.digest, options),
    },
    bases: bases.map(({ kind, digest }) => ({ kind, digest })),
    files: [...extra]
      .map(([path, bytes]) => ({ path, digest: digestOf(bytes) }))
      .toSorted((a, b) => compareText(a.path, b.path)),
    recipients: [],
  };
  const planned: KitSnapshot = {
    kit,
    snapshot,
    manifestBytes: descriptor.size,
    document: { digest: layer.digest, sizeBytes: layer.size },
  };
  return { ...planKit(planned, extra, bases), expiry };
}

/** Each once, in the order in which kit.json has them. */
async function resolveBases(requests: readonly BaseRequest[], context: BaseContext): Promise<Base[]> {
  const found = new Map<string, Base>();
  for (const request of requests) {
    const base = await request.resolve(context);
    found.set(`${base.kind} ${base.digest}`, base);
  }
  return [...found].sort(([a], [b]) => compareText(a, b)).map(([, base]) => base);
}

/** Signatures and provenance of a snapshot, in both of cosign's forms, in byte order of digest. */
async function evidenceOf(
  snapshots: Repository,
  digest: Digest,
  options: OperationOptions,
): Promise<MirrorKit['snapshot']['evidence']> {
  const descriptor = await snapshots.resolve(digest, options);
  if (descriptor === undefined) return [];
  const walked = await walkRepository(snapshots, [{ tag: '', descriptor }], {
    ...options,
    rule: { referrers: [mediaTypes.sigstoreBundle], cosignTags: true },
    listed: new Set(cosignTagsOf(digest)),
    known: undefined,
  });
  const tags = new Map(walked.tags.map(({ tag, descriptor }) => [descriptor.digest, tag]));
  const referrers = new Set(walked.referrers.filter(({ subject }) => subject === digest).map((each) => each.digest));
  return walked.manifests
    .filter((node) => node.descriptor.mediaType === mediaTypes.ociManifest && node.descriptor.digest !== digest)
    .filter((node) => tags.has(node.descriptor.digest) || referrers.has(node.descriptor.digest))
    .map(({ descriptor: { digest, size }, blobs }) => {
      const tag = tags.get(digest);
      return {
        digest,
        sizeBytes: size,
        ...(tag === undefined ? {} : { tag }),
        blobs: blobs
          .map((blob) => ({ digest: blob.digest, sizeBytes: blob.size }))
          .toSorted((a, b) => compareText(a.digest, b.digest)),
      };
    })
    .toSorted((a, b) => compareText(a.digest, b.digest));
}

/** As the schema of kit.json has it. */
const TRUST_NAME = /^trust\/[A-Za-z0-9][A-Za-z0-9._-]{0,160}$/;
const MAX_TRUST_BYTES = 1024 * 1024;

/** Public keys of the signature policies, and what the spec puts there by itself. */
async function readTrust(spec: MirrorSpec): Promise<Map<string, Uint8Array>> {
  const paths = new Set([...spec.rules.flatMap(({ keys = [] }) => keys), ...spec.trust]);
  const files = new Map<string, Uint8Array>();
  for (const path of paths) {
    const name = `trust/${basename(path)}`;
    if (!TRUST_NAME.test(name)) {
      const hint =
        'rename the file; use letters, digits, dots, dashes and underscores, and begin with a letter or digit';
      throw new CodedError('ERR_EXPORT_MIRROR_SPEC', `${JSON.stringify(path)}: not a name for a file of a kit`, {
        hint,
      });
    }
    const bytes = await readSmall(path);
    const other = files.get(name);
    if (other !== undefined && !Buffer.from(other).equals(bytes)) {
      const hint = 'give one of them another name';
      throw new CodedError('ERR_EXPORT_MIRROR_SPEC', `${name}: two files of this name`, { hint });
    }
    files.set(name, bytes);
  }
  return files;
}

async function readSmall(path: string): Promise<Uint8Array> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    if (size > MAX_TRUST_BYTES) throw kitFault('ERR_EXPORT_TOO_LARGE', path, `${size} bytes, more than 1 MiB`);
    return await file.readFile();
  } catch (error) {
    throw fileError(error, path);
  }
}

function nameTaken(repository: string): CodedError {
  return new CodedError('ERR_EXPORT_MIRROR_SPEC', `${repository}: both a mirrored repository and that of snapshots`, {
    hint: 'change snapshots, or the target of that repository, in the mirror spec',
  });
}
