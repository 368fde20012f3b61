import { algorithmOf, type Digest, hexOf } from '#core';

const SUFFIXES = ['sig', 'att', 'sbom'] as const;

/** What cosign keeps under a tag beside a manifest: signatures, attestations, an SBOM. */
export type CosignSuffix = (typeof SUFFIXES)[number];

/** The tags under which cosign keeps what belongs to a manifest (cosign SIGNATURE_SPEC.md). */
export function cosignTagsOf(subject: Digest): string[] {
  return SUFFIXES.map((suffix) => cosignTagOf(subject, suffix));
}

/** The tag under which cosign keeps one kind of what belongs to a manifest. */
export function cosignTagOf(subject: Digest, suffix: CosignSuffix): string {
  return `${algorithmOf(subject)}-${hexOf(subject)}.${suffix}`;
}
