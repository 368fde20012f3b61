import { annotationKeys, type Digest, hexOf, mediaTypes } from '#core';
import { formatReference, isRegistryReference, type Reference, type Repository, tagOf } from '#oci/image';
import { type CopyOptions, copy } from '#oci/transfer';
import { type ArtifactSigner, type ExportProvenanceParameters, pushSignedObject } from '#signing';
import type { Bundle, Staging } from './pack.ts';
import type { ProgressListener } from './progress.ts';
import type { LayerReport, LayerState, Publication, ReferrerReport } from './report.ts';

/** One place that a bundle goes to. */
export interface Destination {
  /** With a tag. */
  readonly reference: Reference;
  readonly repository: Repository;
  /** `host/repository` that the signature of a layout or an archive names; that of a registry names the registry. */
  readonly signedAs?: string | undefined;
}

/** What a publication may be watched and stopped by. */
export interface PublishOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ProgressListener | undefined;
  /** Told of bytes that went to the destination, once they are there or on their way. */
  readonly onSent?: ((sizeBytes: number) => void) | undefined;
}

/**
 * Brings a bundle to a destination: blobs and manifest, export.json's referrer, provenance and signature; all but the
 * tag. Killed at any moment, it can be run again; what is there is found by digest and left alone.
 */
export async function deliverBundle(
  bundle: Bundle,
  staging: Staging,
  destination: Destination,
  signer: ArtifactSigner<ExportProvenanceParameters> | undefined,
  options: PublishOptions,
): Promise<Publication> {
  const { repository, reference } = destination;
  const { signal, onSent } = options;
  const roots = bundle.exportReferrer === undefined ? [bundle.artifact] : [bundle.artifact, bundle.exportReferrer];
  const { outcomes, bytesSent } = await copy(staging, repository, roots, {
    signal,
    // A run that finds all there must also be the one that repairs a place which lost a part.
    checkAll: true,
    onProgress: watch(options),
  });
  let signedBytes = 0;
  const send = async (object: Parameters<typeof pushSignedObject>[1]) => {
    const sentBytes = await pushSignedObject(repository, object, { signal });
    onSent?.(sentBytes);
    signedBytes += sentBytes;
  };
  const place = { repository, dockerReference: dockerReferenceOf(bundle, destination) };
  const signed = signer === undefined ? 'unsigned' : await signer.sign(place, send, { signal });
  return {
    reference: formatReference({ ...reference, digest: bundle.artifact.digest }),
    layers: layerReports(bundle, (digest) => outcomes.get(digest) ?? 'present'),
    bytesSent: bytesSent + signedBytes,
    referrers: await referrersOf(repository, bundle.artifact.digest, options),
    signed,
  };
}

/**
 * Points the destination's tag at a bundle that was delivered: the commit point.
 *
 * @returns the digest that the tag pointed at before, where it was another
 */
export async function tagBundle(
  bundle: Bundle,
  destination: Destination,
  { signal }: PublishOptions,
): Promise<Digest | undefined> {
  const { repository, reference } = destination;
  const tag = tagOf(reference);
  const tagged = await repository.resolve(tag, { signal });
  if (tagged?.digest === bundle.artifact.digest) return undefined;
  await repository.tag(bundle.artifact, tag, { signal });
  return tagged?.digest;
}

/** What a publication would consist of, had it been made; without a reference, what could go anywhere. */
export function plannedPublication(bundle: Bundle, reference: Reference | undefined): Publication {
  const { artifact, exportReferrer } = bundle;
  return {
    reference: reference && formatReference({ ...reference, digest: artifact.digest }),
    layers: layerReports(bundle, () => 'planned'),
    bytesSent: 0,
    referrers:
      exportReferrer === undefined ? [] : [{ artifactType: mediaTypes.exportManifest, digest: exportReferrer.digest }],
    signed: 'unsigned',
  };
}

function layerReports(bundle: Bundle, stateOf: (digest: Digest) => LayerState): LayerReport[] {
  return bundle.layers.map(({ annotations, mediaType, digest, size }) => ({
    title: annotations?.[annotationKeys.title] ?? hexOf(digest),
    mediaType,
    digest,
    size,
    state: stateOf(digest),
  }));
}

async function referrersOf(
  repository: Repository,
  subject: Digest,
  { signal }: PublishOptions,
): Promise<ReferrerReport[]> {
  const found: ReferrerReport[] = [];
  for await (const { artifactType, mediaType, digest } of repository.referrers(subject, { signal })) {
    found.push({ artifactType: artifactType ?? mediaType, digest });
  }
  return found;
}

/** Where nothing better is known the profile stands in for the place: cosign ignores it, podman compares it. */
function dockerReferenceOf(bundle: Bundle, { reference, signedAs }: Destination): string {
  if (isRegistryReference(reference)) return `${reference.registry}/${reference.repository}`;
  return signedAs ?? `localhost/${bundle.exportManifest.profile.name.replace(':', '-')}`;
}

function watch({ onProgress, onSent }: PublishOptions): CopyOptions['onProgress'] {
  return (sentBytes, { completedBytes, movingBytes, knownBytes, underWay }) => {
    onSent?.(sentBytes);
    onProgress?.({ stage: 'send', done: completedBytes + movingBytes, total: knownBytes, unit: 'bytes', underWay });
  };
}
