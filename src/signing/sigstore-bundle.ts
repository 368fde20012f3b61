import { type Descriptor, type Digest, encodeCanonical, type Instant, type JsonValue, mediaTypes } from '#core';
import { bareDescriptor, emptyConfig, parseManifest } from '#oci/image';
import type { Envelope } from './dsse.ts';
import { signatureInvalid } from './faults.ts';
import { blobOf, keyidAnnotation, manifestOf, type SignedObject } from './signed-object.ts';
import { sigstoreBundle } from './sigstore.ts';

const createdAnnotation = 'org.opencontainers.image.created';
const contentAnnotation = 'dev.sigstore.bundle.content';
const predicateTypeAnnotation = 'dev.sigstore.bundle.predicateType';

/** All versions of the format begin so; cosign looks at no more than this. */
const BUNDLE_PREFIX = 'application/vnd.dev.sigstore.bundle';

/** Two spellings of v0.3; cosign takes both. */
const BUNDLE_TYPES: readonly (string | undefined)[] = [
  mediaTypes.sigstoreBundle,
  'application/vnd.dev.sigstore.bundle+json;version=0.3',
];

/** Whether this is the version of the sigstore bundle that we write and verify. */
export function isBundleType(mediaType: string | undefined): boolean {
  return BUNDLE_TYPES.includes(mediaType);
}

/** What a sigstore bundle referrer says beside the envelope. */
export interface SigstoreBundleOptions {
  /** The one in the envelope's statement, repeated where cosign and Kyverno look for it. */
  readonly predicateType: string;
  /** For `org.opencontainers.image.created`; no clock of ours, so that the same envelope has the same manifest. */
  readonly created: Instant;
}

/**
 * A sigstore bundle v0.3 as a referrer of its subject (cosign BUNDLE_SPEC.md): the form that cosign 3 writes, members
 * in its order, so not by packManifest.
 *
 * @param subject the manifest that the envelope's statement is about: mediaType, digest and size
 */
export function packSigstoreBundle(
  subject: Descriptor,
  envelope: Envelope,
  { predicateType, created }: SigstoreBundleOptions,
): SignedObject {
  const layer = blobOf(mediaTypes.sigstoreBundle, encodeSigstoreBundle(envelope));
  const config = blobOf(mediaTypes.ociEmpty, emptyConfig);
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    artifactType: mediaTypes.sigstoreBundle,
    config: config.descriptor,
    layers: [layer.descriptor],
    subject: bareDescriptor(subject),
    annotations: {
      [contentAnnotation]: 'dsse-envelope',
      [predicateTypeAnnotation]: predicateType,
      [keyidAnnotation]: envelope.keyid,
      [createdAnnotation]: created,
    },
  };
  const value = manifestOf(JSON.stringify(manifest), mediaTypes.sigstoreBundle);
  return { manifest: value, blobs: [layer, config] };
}

/** The sigstore bundle of an envelope, in canonical JSON: what `cosign verify-blob-attestation --bundle` reads. */
export function encodeSigstoreBundle(envelope: Envelope): Uint8Array {
  const { bundleToJSON, toDSSEBundle } = sigstoreBundle();
  const bundle = toDSSEBundle({
    artifact: Buffer.from(envelope.payload),
    artifactType: envelope.payloadType,
    signature: Buffer.from(envelope.signature),
    keyHint: envelope.keyid,
  });
  return encodeCanonical(bundleToJSON(bundle) as unknown as JsonValue);
}

/** A referrer manifest that holds a sigstore bundle. */
export interface SigstoreBundleManifest {
  /** The blob to fetch. */
  readonly layer: Descriptor;
  readonly config: Descriptor;
  readonly subject: Digest | undefined;
  /** The key that the manifest says it is of; only manifests of ours say so. Proves nothing. */
  readonly keyid?: string;
  readonly predicateType?: string;
}

/**
 * What a referrer manifest says, where it is a sigstore bundle; undefined where it is something else.
 *
 * @throws CodedError ERR_EXPORT_MANIFEST_INVALID when it is not a valid manifest, ERR_EXPORT_SIGNATURE_INVALID when it
 *   claims to be a sigstore bundle of the version that we write, or one of ours, and does not hold exactly one
 */
export function parseSigstoreBundleManifest(bytes: Uint8Array, name: string): SigstoreBundleManifest | undefined {
  const manifest = parseManifest(bytes, undefined, name);
  const { [keyidAnnotation]: keyid, [predicateTypeAnnotation]: predicateType } = manifest.annotations;
  const [layer, ...more] = manifest.kind === 'manifest' ? manifest.layers : [];
  if (manifest.kind !== 'manifest' || layer === undefined || more.length > 0 || !isAnyBundle(layer)) {
    if (keyid === undefined && !isBundleType(manifest.artifactType)) return undefined;
    throw signatureInvalid(name, 'a sigstore bundle manifest without exactly one sigstore bundle');
  }
  return {
    layer,
    config: manifest.config,
    subject: manifest.subject?.digest,
    ...(keyid === undefined ? {} : { keyid }),
    ...(predicateType === undefined ? {} : { predicateType }),
  };
}

function isAnyBundle({ mediaType }: Descriptor): boolean {
  return mediaType.startsWith(BUNDLE_PREFIX);
}
