import type { Descriptor } from '#core';
import { collect, maxManifestBytes } from '../content.ts';
import { artifactTypeOf, parseManifest } from '../manifest.ts';
import type { ContentReader } from '../ports.ts';
import { verifyBytes } from '../verify-stream.ts';

/**
 * The bytes of a manifest that is to be written, checked, and how an index lists it.
 *
 * @throws CodedError ERR_EXPORT_SIZE_MISMATCH, ERR_EXPORT_DIGEST_MISMATCH, ERR_EXPORT_MANIFEST_INVALID
 */
export async function readManifestEntry(
  descriptor: Descriptor,
  content: ContentReader,
  place: string,
): Promise<{ bytes: Uint8Array; entry: Descriptor }> {
  const name = `${place}: ${descriptor.digest}`;
  const bytes = await collect(await content(0), maxManifestBytes, name);
  verifyBytes(descriptor, bytes, 'source');
  const artifactType = artifactTypeOf(parseManifest(bytes, descriptor.mediaType, name));
  return { bytes, entry: indexEntry({ ...descriptor, ...(artifactType === undefined ? {} : { artifactType }) }) };
}

/** A descriptor as an index lists it. */
export function indexEntry({ mediaType, digest, size, artifactType }: Descriptor): Descriptor {
  return { mediaType, digest, size, ...(artifactType === undefined ? {} : { artifactType }) };
}
