import { CodedError, type Descriptor, mediaTypes } from '#core';
import { parseManifest } from '#oci/image';
import { keyidAnnotation } from './signed-object.ts';

/** cosign's own: base64 of the signature over the layer's blob; empty on attestations. */
export const signatureAnnotation = 'dev.cosignproject.cosign/signature';
/** cosign's own. */
export const predicateTypeAnnotation = 'predicateType';

/** cosign reads no more layers than this under one tag. */
export const MAX_LAYERS = 1000;

/** A layer of a `.sig` or `.att` manifest: one signature or attestation, of ours or another signer's. */
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

/** The error for a manifest that does not hold what its place promises. */
export function manifestInvalid(name: string, what: string): CodedError {
  return new CodedError('ERR_EXPORT_MANIFEST_INVALID', `${name}: ${what}`, {
    hint: 'inspect it with an OCI client; if nobody needs it, delete it and export again',
    details: { name },
  });
}
