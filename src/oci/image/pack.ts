import { type Descriptor, digestOf, encodeCanonical, type JsonObject, mediaTypes } from '#core';

/** A manifest in its bytes, and the descriptor that names them. */
export interface PackedManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** What goes into an image manifest. */
export interface ManifestParts {
  readonly artifactType?: string;
  /** The empty config unless told; then artifactType must be given. */
  readonly config?: Descriptor;
  /** The empty blob, once, where there are none. */
  readonly layers?: readonly Descriptor[];
  readonly subject?: Descriptor | undefined;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What goes into an index. */
export interface IndexParts {
  readonly artifactType?: string;
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor | undefined;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The content of the empty config: `{}`. It must be pushed too where emptyDescriptor is used. */
export const emptyConfig: Uint8Array = Buffer.from('{}');

/** The descriptor of emptyConfig, with the content inline (image-spec v1.1.1 manifest.md#guidance-for-an-empty-descriptor). */
export const emptyDescriptor: Descriptor = {
  mediaType: mediaTypes.ociEmpty,
  digest: digestOf(emptyConfig),
  size: emptyConfig.byteLength,
  data: Buffer.from(emptyConfig).toString('base64'),
};

/**
 * An image manifest as canonical JSON: the same parts always give the same bytes.
 *
 * @throws TypeError when neither a config nor an artifactType says what it is
 */
export function packManifest(parts: ManifestParts): PackedManifest {
  if (parts.config === undefined && !parts.artifactType) throw new TypeError('artifactType is needed without a config');
  const layers = parts.layers === undefined || parts.layers.length === 0 ? [emptyDescriptor] : parts.layers;
  return pack(mediaTypes.ociManifest, parts, {
    config: encodeDescriptor(parts.config ?? emptyDescriptor),
    layers: layers.map(encodeDescriptor),
  });
}

/** An index as canonical JSON, its manifests in the order given. */
export function packIndex(parts: IndexParts): PackedManifest {
  return pack(mediaTypes.ociIndex, parts, { manifests: parts.manifests.map(encodeDescriptor) });
}

/** A descriptor as JSON, without the members that it does not have. */
export function encodeDescriptor(descriptor: Descriptor): JsonObject {
  return Object.fromEntries(Object.entries(descriptor).filter(([, value]) => value !== undefined)) as JsonObject;
}

function pack(mediaType: string, parts: Omit<IndexParts, 'manifests'>, body: JsonObject): PackedManifest {
  const { artifactType, subject, annotations } = parts;
  const bytes = encodeCanonical({
    schemaVersion: 2,
    mediaType,
    ...body,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(subject === undefined ? {} : { subject: encodeDescriptor(subject) }),
    ...(annotations === undefined || Object.keys(annotations).length === 0 ? {} : { annotations }),
  });
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  return { bytes, descriptor: artifactType === undefined ? descriptor : { ...descriptor, artifactType } };
}
