import { algorithmOf, type Digest, hexOf, isDigest } from '#core';

const SUFFIXES = ['sig', 'att', 'sbom'] as const;

/** What cosign keeps under a tag beside a manifest: signatures, attestations, an SBOM. */
export type CosignSuffix = (typeof SUFFIXES)[number];

/** Of cosign, or of the referrers tag schema (distribution-spec v1.1.1 spec.md#referrers-tag-schema). */
const ATTACHED = /^(sha256|sha512)-([0-9a-f]+)(?:\.[a-z]+)?$/;

/** The tags under which cosign keeps what belongs to a manifest (cosign SIGNATURE_SPEC.md). */
export function cosignTagsOf(subject: Digest): string[] {
  return SUFFIXES.map((suffix) => cosignTagOf(subject, suffix));
}

/** The tag under which cosign keeps one kind of what belongs to a manifest. */
export function cosignTagOf(subject: Digest, suffix: CosignSuffix): string {
  return `${algorithmOf(subject)}-${hexOf(subject)}.${suffix}`;
}

/** The manifest to which a tag belongs by its name, as cosign's tags and lists of referrers do; undefined for any other tag. */
export function subjectOfTag(tag: string): Digest | undefined {
  const [, algorithm, hex] = ATTACHED.exec(tag) ?? [];
  const subject = `${algorithm}:${hex}`;
  return isDigest(subject) ? subject : undefined;
}
