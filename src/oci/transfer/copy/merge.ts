import {
  CodedError,
  canonicalText,
  type Descriptor,
  type Digest,
  digestOf,
  encodeCanonical,
  isIndexType,
  type JsonObject,
  type JsonValue,
  mediaTypes,
  parseJsonObject,
} from '#core';
import { maxManifestBytes, parseManifest } from '#oci/image';

/** One state of a tag that several parties append to. */
export interface SharedState {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** What a tag is to lead to: what the source has, what the target has, something of both, or it cannot be told. */
export type Merged =
  | { readonly kind: 'source' | 'target' }
  | { readonly kind: 'merged'; readonly manifest: SharedState; readonly config: SharedState | undefined }
  | { readonly kind: 'conflict'; readonly reason: string };

/** Signatures and attestations of cosign, in its own place or under a prefix (`--attachment-tag-prefix`). */
const SIGNATURES = /sha(?:256|512)-[0-9a-f]{64,128}\.(?:sig|att)$/;
const SBOM = /sha(?:256|512)-[0-9a-f]{64,128}\.sbom$/;
/** A tag under which registries without a referrers API list the referrers of a subject (spec.md#referrers-tag-schema). */
const FALLBACK = /^sha(?:256|512)-[0-9a-f]{64}$/;
/** cosign reads no more layers than this under one tag. */
const MAX_LAYERS = 1000;
const NO_TIME = '0001-01-01T00:00:00Z';

/** Whether several parties append to what a tag leads to, so that nobody may replace it. */
export function isSharedTag(tag: string): boolean {
  return SIGNATURES.test(tag) || SBOM.test(tag) || FALLBACK.test(tag);
}

/** All that is under a shared tag at either side. */
export function mergeShared(tag: string, source: SharedState, target: SharedState): Merged {
  try {
    return merge(tag, source, target);
  } catch (error) {
    if (error instanceof CodedError) return conflict(`it cannot be merged with that of the source: ${error.message}`);
    throw error;
  }
}

function merge(tag: string, source: SharedState, target: SharedState): Merged {
  const [from, to] = [fieldsOf(source), fieldsOf(target)];
  const isList = isIndexType(source.descriptor.mediaType);
  if (isList !== isIndexType(target.descriptor.mediaType))
    return conflict('it is of a different kind than the one at the source');
  const member = isList ? 'manifests' : 'layers';
  const keyOf = isList ? digestKey : layerKey;
  const [theirs, ours] = [listIn(to, member), listIn(from, member)];
  const [held, wanted] = [new Set(theirs.map(keyOf)), new Set(ours.map(keyOf))];
  if (ours.every((entry) => held.has(keyOf(entry)))) return { kind: 'target' };
  if (theirs.every((entry) => wanted.has(keyOf(entry)))) return { kind: 'source' };
  if (SBOM.test(tag)) return conflict('it is a different SBOM than the one at the source');
  const all = [...theirs, ...ours.filter((entry) => !held.has(keyOf(entry)))];
  if (isList) return packed(target, { ...to, manifests: all.toSorted(byDigest) }, undefined);
  if (all.length > MAX_LAYERS) return conflict(`both together are more than ${MAX_LAYERS} layers`);
  const config = configFor(to, all);
  const fields = { ...to, layers: all, ...(config === undefined ? {} : { config: { ...config.descriptor } }) };
  return packed(target, fields as unknown as JsonObject, config);
}

/** The members of a manifest, which is looked at as such first. */
function fieldsOf({ descriptor, bytes }: SharedState): JsonObject {
  parseManifest(bytes, descriptor.mediaType, descriptor.digest);
  return parseJsonObject(bytes, descriptor.digest, { maxBytes: maxManifestBytes });
}

function packed({ descriptor }: SharedState, fields: JsonObject, config: SharedState | undefined): Merged {
  const bytes = encodeCanonical(fields);
  if (bytes.byteLength > maxManifestBytes) return conflict(`both together are more than ${maxManifestBytes} bytes`);
  const manifest = { mediaType: descriptor.mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  return { kind: 'merged', manifest: { descriptor: manifest, bytes }, config };
}

/** The image config that cosign writes, with a history and a diff id for each layer; undefined where there is another. */
function configFor(fields: JsonObject, layers: readonly JsonObject[]): SharedState | undefined {
  const mediaType = (fields['config'] as JsonObject | undefined)?.['mediaType'];
  if (mediaType !== mediaTypes.ociConfig && mediaType !== mediaTypes.dockerConfig) return undefined;
  const bytes = encodeCanonical({
    architecture: '',
    created: NO_TIME,
    history: layers.map(() => ({ created: NO_TIME })),
    os: '',
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer['digest'] as Digest) },
    config: {},
  });
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.byteLength }, bytes };
}

function listIn(fields: JsonObject, member: string): readonly JsonObject[] {
  return (fields[member] ?? []) as readonly JsonObject[];
}

function digestKey(entry: JsonObject): JsonValue | undefined {
  return entry['digest'];
}

/** Signatures of several keys are layers of one payload: what tells them apart are their annotations. */
function layerKey({ digest, annotations }: JsonObject): string {
  return canonicalText([digest ?? null, annotations ?? {}]);
}

function byDigest(a: JsonObject, b: JsonObject): number {
  return String(a['digest']) < String(b['digest']) ? -1 : 1;
}

function conflict(reason: string): Merged {
  return { kind: 'conflict', reason };
}
