import { algorithmOf, type Digest, hexOf } from '#core';

const SUFFIXES = ['sig', 'att', 'sbom'] as const;

/** The tags under which cosign keeps what belongs to a manifest: signatures, attestations, an SBOM (cosign SIGNATURE_SPEC.md). */
export function cosignTagsOf(subject: Digest): string[] {
  return SUFFIXES.map((suffix) => `${algorithmOf(subject)}-${hexOf(subject)}.${suffix}`);
}
