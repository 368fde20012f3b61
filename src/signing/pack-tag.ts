import { type Digest, mediaTypes } from '#core';
import { cosignTagOf } from '#oci/image';
import { encodeBase64 } from './base64.ts';
import { type Envelope, encodeEnvelope } from './dsse.ts';
import { itemSpans, memberSpans, type Span } from './json-text.ts';
import { type BlobValue, blobOf, keyidAnnotation, manifestOf, type SignedObject } from './signed-object.ts';
import type { Signer } from './signer.ts';
import { encodeSimpleSigning } from './simple-signing.ts';
import {
  MAX_LAYERS,
  manifestInvalid,
  parseTagManifest,
  predicateTypeAnnotation,
  signatureAnnotation,
  type TagLayer,
} from './tag-manifest.ts';

/** What the tag form needs beside the signature itself. */
export interface TagOptions {
  /** The manifest that the tag leads to now. Other signers' layers in it are kept, byte for byte; ours are replaced. */
  readonly existing?: Uint8Array | undefined;
}

/**
 * A signature in cosign's legacy form: simple-signing payload, `.sig` tag.
 *
 * @param dockerReference `host/repository` under which the subject will be pulled
 * @throws RangeError for a dockerReference of another form; CodedError ERR_EXPORT_MANIFEST_INVALID for an existing
 *   manifest that cannot be merged with
 */
export async function packSignatureTag(
  subject: Digest,
  dockerReference: string,
  signer: Signer,
  options: TagOptions = {},
): Promise<SignedObject> {
  const payload = encodeSimpleSigning({ digest: subject, dockerReference });
  const signature = encodeBase64(await signer.sign(payload));
  const annotations = { [signatureAnnotation]: signature, [keyidAnnotation]: signer.keyid };
  const replaces = (other: TagLayer) => other.keyid === signer.keyid;
  const blob = blobOf(mediaTypes.cosignSimpleSigning, payload);
  return packTag(cosignTagOf(subject, 'sig'), { blob, annotations, replaces }, options);
}

/**
 * An attestation in cosign's legacy form: DSSE envelope, `.att` tag.
 *
 * @param predicateType the one in the envelope's statement, repeated where cosign looks for it
 * @throws CodedError ERR_EXPORT_MANIFEST_INVALID for an existing manifest that cannot be merged with
 */
export function packAttestationTag(
  subject: Digest,
  envelope: Envelope,
  predicateType: string,
  options: TagOptions = {},
): SignedObject {
  const annotations = {
    [signatureAnnotation]: '',
    [predicateTypeAnnotation]: predicateType,
    [keyidAnnotation]: envelope.keyid,
  };
  const replaces = (other: TagLayer) => other.keyid === envelope.keyid && other.predicateType === predicateType;
  const blob = blobOf(mediaTypes.dsseEnvelope, encodeEnvelope(envelope));
  return packTag(cosignTagOf(subject, 'att'), { blob, annotations, replaces }, options);
}

/** A layer to be put under a tag. */
interface NewLayer {
  readonly blob: BlobValue;
  readonly annotations: Readonly<Record<string, string>>;
  /** Which of the layers that are there it takes the place of. */
  readonly replaces: (other: TagLayer) => boolean;
}

function packTag(tag: string, { blob, annotations, replaces }: NewLayer, { existing }: TagOptions): SignedObject {
  const merged = existing === undefined ? undefined : mergeable(existing, tag);
  const kept = merged?.layers.filter((other) => !replaces(other.layer)) ?? [];
  if (kept.length >= MAX_LAYERS) throw manifestInvalid(tag, `${kept.length} layers, and cosign reads ${MAX_LAYERS}`);
  const digests = [...kept.map((other) => other.layer.descriptor.digest), blob.descriptor.digest];
  const config = blobOf(mediaTypes.ociConfig, encodeConfig(digests));
  const layersText = `[${[...kept.map((other) => other.text), JSON.stringify({ ...blob.descriptor, annotations })].join(',')}]`;
  const configText = JSON.stringify(config.descriptor);
  const text =
    merged === undefined
      ? `{"schemaVersion":2,"mediaType":"${mediaTypes.ociManifest}","config":${configText},"layers":${layersText}}`
      : replaceMembers(merged.text, { config: configText, layers: layersText });
  return { manifest: manifestOf(text), blobs: [blob, config], tag };
}

/** Another signer's layer, and how it is written. */
interface KeptLayer {
  readonly layer: TagLayer;
  readonly text: string;
}

interface Mergeable {
  readonly text: string;
  readonly layers: readonly KeptLayer[];
}

function mergeable(bytes: Uint8Array, tag: string): Mergeable {
  const { config, layers } = parseTagManifest(bytes, tag);
  if (config.mediaType !== mediaTypes.ociConfig) {
    throw manifestInvalid(tag, `config of type ${config.mediaType}, where cosign writes ${mediaTypes.ociConfig}`);
  }
  const text = Buffer.from(bytes).toString('utf8');
  const spans = itemSpans(text, memberSpans(text).get('layers')?.start ?? 0);
  return { text, layers: layers.map((layer, i) => ({ layer, text: sliceOf(text, spans[i]) })) };
}

function replaceMembers(text: string, values: Readonly<Record<string, string>>): string {
  const spans = [...memberSpans(text)].filter(([key]) => key in values);
  let result = '';
  let at = 0;
  for (const [key, span] of spans) {
    result += text.slice(at, span.start) + values[key];
    at = span.end;
  }
  return result + text.slice(at);
}

function sliceOf(text: string, span: Span | undefined): string {
  return span === undefined ? '' : text.slice(span.start, span.end);
}

const NO_TIME = '0001-01-01T00:00:00Z';

/** The image config that cosign writes: nothing but as many histories and diff ids as there are layers. */
function encodeConfig(layers: readonly Digest[]): Uint8Array {
  const config = {
    architecture: '',
    created: NO_TIME,
    history: layers.map(() => ({ created: NO_TIME })),
    os: '',
    rootfs: { type: 'layers', diff_ids: layers },
    config: {},
  };
  return Buffer.from(JSON.stringify(config), 'utf8');
}
