import { CodedError, type Descriptor, isDigest, type JsonObject, mediaTypes, parseJsonObject } from '#core';
import { parseManifest } from '#oci/image';
import { asObject, asString } from './faults.ts';
import { keyidAnnotation } from './signed-object.ts';

/** cosign's own: base64 of the signature over the layer's blob; empty on attestations. */
export const signatureAnnotation = 'dev.cosignproject.cosign/signature';
/** cosign's own. */
export const predicateTypeAnnotation = 'predicateType';

/** cosign reads no more layers than this under one tag. */
export const MAX_LAYERS = 1000;

/** A layer of a `.sig` or `.att` manifest: one signature or attestation, of ours or a stranger's. */
export interface TagLayer {
  readonly descriptor: Descriptor;
  /** The key that the layer says it is of; only layers of ours say so. Proves nothing. */
  readonly keyid?: string;
  /** Base64 of the signature over the blob; `.sig` only. */
  readonly signature?: string;
  /** `.att` only. */
  readonly predicateType?: string;
}

/** What a `.sig` or `.att` tag leads to. */
export interface TagManifest {
  readonly config: Descriptor;
  readonly layers: readonly TagLayer[];
}

/**
 * The layers behind a `.sig` or `.att` tag.
 *
 * @throws CodedError ERR_EXPORT_MANIFEST_INVALID when it is no OCI image manifest
 */
export function parseTagManifest(bytes: Uint8Array, name: string): TagManifest {
  const manifest = parseManifest(bytes, undefined, name);
  if (manifest.kind !== 'manifest' || manifest.mediaType !== mediaTypes.ociManifest) {
    throw manifestInvalid(name, `${manifest.mediaType}, not an OCI image manifest`);
  }
  const { config, layers } = manifest;
  if (layers.length > MAX_LAYERS) throw manifestInvalid(name, `${layers.length} layers, more than ${MAX_LAYERS}`);
  return { config, layers: layers.map(tagLayerFrom) };
}

function tagLayerFrom(descriptor: Descriptor): TagLayer {
  const { [keyidAnnotation]: keyid, [signatureAnnotation]: signature } = descriptor.annotations ?? {};
  const predicateType = descriptor.annotations?.[predicateTypeAnnotation];
  return {
    descriptor,
    ...(keyid === undefined ? {} : { keyid }),
    ...(signature === undefined ? {} : { signature }),
    ...(predicateType === undefined ? {} : { predicateType }),
  };
}

/** parseJsonObject for a manifest. */
export function parseManifestJson(bytes: Uint8Array, name: string): JsonObject {
  try {
    return parseJsonObject(bytes, name);
  } catch (cause) {
    throw manifestInvalid(name, `not strict JSON: ${(cause as Error).message}`, cause);
  }
}

/** The descriptor in a manifest; undefined for a value that is none. */
export function descriptorFrom(value: JsonObject | undefined): Descriptor | undefined {
  const mediaType = asString(value?.['mediaType']);
  const digest = asString(value?.['digest']) ?? '';
  const size = value?.['size'];
  if (mediaType === undefined || !isDigest(digest) || !Number.isSafeInteger(size)) return undefined;
  const annotations = annotationsFrom(value);
  const descriptor: Descriptor = { mediaType, digest, size: size as number };
  return annotations === undefined ? descriptor : { ...descriptor, annotations };
}

/** The annotations of a descriptor or manifest that are strings, as all have to be. */
export function annotationsFrom(value: JsonObject | undefined): Readonly<Record<string, string>> | undefined {
  const entries = Object.entries(asObject(value?.['annotations']) ?? {});
  const strings = entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return strings.length === 0 ? undefined : Object.fromEntries(strings);
}

/** The error for a manifest that does not hold what its place promises. */
export function manifestInvalid(name: string, what: string, cause?: unknown): CodedError {
  return new CodedError('ERR_EXPORT_MANIFEST_INVALID', `${name}: ${what}`, {
    hint: 'inspect it with an OCI client; if nobody needs it, delete it and export again',
    details: { name },
    cause,
  });
}
