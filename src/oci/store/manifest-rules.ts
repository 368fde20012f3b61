import { algorithmOf, CodedError, type Descriptor, type Digest, digestOf } from '#core';
import { type Manifest, maxManifestBytes, parseManifest, successorsOf, verifyBytes } from '#oci/image';
import { parseTag } from './names.ts';
import type { PutManifest } from './registry-store.ts';

/** A pushed manifest with valid content; its children are not checked yet. */
export interface PushedManifest {
  readonly manifest: Manifest;
  readonly descriptor: Descriptor;
  readonly tags: readonly string[];
}

const NOT_DISTRIBUTABLE =
  /^application\/vnd\.(?:oci\.image\.layer\.nondistributable\.v1\.|docker\.image\.rootfs\.foreign\.)/;
/** How many children are checked concurrently. */
const CHECKS_AT_ONCE = 32;

/**
 * Parses and checks a pushed manifest, without its children; for any storage.
 *
 * @throws CodedError ERR_EXPORT_MANIFEST_INVALID, ERR_EXPORT_TOO_LARGE, ERR_EXPORT_DIGEST_MISMATCH,
 *   ERR_EXPORT_REFERENCE_INVALID for a tag
 */
export function parsePushed(bytes: Uint8Array, put: PutManifest): PushedManifest {
  const tags = (put.tags ?? []).map(parseTag);
  const digest = checkedDigest(bytes, put.digest);
  const manifest = parseManifest(bytes, put.mediaType, digest);
  return { manifest, descriptor: { mediaType: manifest.mediaType, digest, size: bytes.byteLength }, tags };
}

/**
 * Checks that a repository has the children of a manifest, with the sizes in its descriptors.
 *
 * @param sizeOf the size in bytes of a manifest or blob of the repository, protecting it from garbage collection
 * @throws CodedError ERR_EXPORT_NOT_FOUND with `missing` in its details, ERR_EXPORT_MANIFEST_INVALID for a size
 */
export async function checkChildren(
  { manifest, descriptor }: PushedManifest,
  sizeOf: (child: Descriptor) => Promise<number | undefined>,
): Promise<void> {
  const name = descriptor.digest;
  const checkChild = async (child: Descriptor): Promise<void> => {
    const size = await sizeOf(child);
    if (size === undefined) throw missing(child.digest, name);
    if (size !== child.size) throw wrongSize(child, size, name);
  };
  const children = neededBy(manifest);
  for (let i = 0; i < children.length; i += CHECKS_AT_ONCE) {
    await Promise.all(children.slice(i, i + CHECKS_AT_ONCE).map(checkChild));
  }
}

/** The children that a registry must have to serve a manifest: all but non-distributable (foreign) layers. */
export function neededBy(manifest: Manifest): Descriptor[] {
  return successorsOf(manifest).filter(({ mediaType }) => !NOT_DISTRIBUTABLE.test(mediaType));
}

/** Verifies the bytes of a manifest read from a storage. @throws CodedError ERR_EXPORT_STORE_INVALID */
export function verifyStored(descriptor: Descriptor, bytes: Uint8Array): Uint8Array {
  try {
    verifyBytes(descriptor, bytes, 'the store');
    return bytes;
  } catch (cause) {
    throw new CodedError('ERR_EXPORT_STORE_INVALID', `${descriptor.digest}: damaged in the store`, {
      hint: 'push the manifest again, and run export-center fsck --data DIR',
      details: { digest: descriptor.digest },
      cause,
    });
  }
}

/** The error for a manifest to be tagged, or a child of `manifest`, that the repository does not have. */
export function missing(digest: Digest, manifest: Digest | undefined): CodedError {
  const what =
    manifest === undefined
      ? `manifest ${digest} not found`
      : `${manifest}: ${digest}, which it refers to, is not in this repository`;
  return new CodedError('ERR_EXPORT_NOT_FOUND', what, { hint: `push ${digest} first`, details: { missing: digest } });
}

function wrongSize(child: Descriptor, size: number, name: Digest): CodedError {
  return new CodedError(
    'ERR_EXPORT_MANIFEST_INVALID',
    `${name}: the descriptor of ${child.digest} says ${child.size} bytes, the content has ${size}`,
    { hint: 'correct the size in the manifest', details: { name, digest: child.digest, size } },
  );
}

function checkedDigest(bytes: Uint8Array, expected: Digest | undefined): Digest {
  if (bytes.byteLength > maxManifestBytes) {
    throw new CodedError('ERR_EXPORT_TOO_LARGE', `manifest of ${bytes.byteLength} bytes is too large`, {
      hint: `keep manifests at ${maxManifestBytes} bytes or fewer`,
    });
  }
  const actual = digestOf(bytes, expected === undefined ? 'sha256' : algorithmOf(expected));
  if (expected === undefined || actual === expected) return actual;
  throw new CodedError('ERR_EXPORT_DIGEST_MISMATCH', `expected ${expected}, got ${actual}`, {
    hint: 'send the manifest again',
    details: { expected, actual },
  });
}
