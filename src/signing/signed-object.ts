import { type Descriptor, mediaTypes } from '#core';
import { describeBytes } from '#oci/image';

/** A blob with its bytes. */
export interface BlobValue {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** A manifest with what it names, ready to be pushed: blobs first, then the manifest, then the tag where there is one. */
export interface SignedObject {
  readonly manifest: BlobValue;
  /** In no order that matters; a merged manifest also names others' blobs, which are where they were. */
  readonly blobs: readonly BlobValue[];
  readonly tag?: string;
}

/** Names the key that made an object of ours, where the object's own form has no place for it. */
export const keyidAnnotation = 'io.stellaops.export.keyid';

/** The blob that these bytes are. */
export function blobOf(mediaType: string, bytes: Uint8Array): BlobValue {
  return { descriptor: describeBytes(mediaType, bytes), bytes };
}

/** The OCI image manifest that this text is. */
export function manifestOf(text: string, artifactType?: string): BlobValue {
  const manifest = blobOf(mediaTypes.ociManifest, Buffer.from(text, 'utf8'));
  if (artifactType === undefined) return manifest;
  return { ...manifest, descriptor: { ...manifest.descriptor, artifactType } };
}
