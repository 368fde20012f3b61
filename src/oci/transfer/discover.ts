import { type Descriptor, type Digest, isManifestType } from '#core';
import type { OperationOptions, Repository } from '#oci/image';
import { cosignTagsOf } from '#oci/image';

/** A manifest and what hangs on it. */
export interface ReferrerTree {
  /** As it was listed, with artifactType and annotations. */
  readonly descriptor: Descriptor;
  /** How it was found: `subject` for the root, `referrer` by the referrers list, a tag for cosign's older form. */
  readonly found: 'subject' | 'referrer' | string;
  /** `missing`: listed, and not there; `cut`: what refers to it is too far from the root to be looked for. */
  readonly state?: 'missing' | 'cut' | undefined;
  /** In byte order of digest, tags last. */
  readonly children: readonly ReferrerTree[];
}

/** Referrers of referrers of referrers: nobody goes further, and a chain must end. */
const MAX_DEPTH = 16;

/** All that hangs on a manifest, by referrers and by cosign's tags, each manifest once. */
export async function discover(
  repository: Repository,
  subject: Descriptor,
  options: OperationOptions = {},
): Promise<ReferrerTree> {
  const seen = new Set<Digest>([subject.digest]);
  const children = await childrenOf(repository, subject, seen, 1, options);
  return { descriptor: subject, found: 'subject', children };
}

async function childrenOf(
  repository: Repository,
  subject: Descriptor,
  seen: Set<Digest>,
  depth: number,
  options: OperationOptions,
): Promise<ReferrerTree[]> {
  if (!isManifestType(subject.mediaType)) return [];
  const found: { descriptor: Descriptor; found: string }[] = [];
  for await (const descriptor of repository.referrers(subject.digest, options)) {
    found.push({ descriptor, found: 'referrer' });
  }
  found.sort((a, b) => (a.descriptor.digest < b.descriptor.digest ? -1 : 1));
  for (const tag of cosignTagsOf(subject.digest)) {
    const descriptor = await repository.resolve(tag, options);
    if (descriptor !== undefined) found.push({ descriptor, found: tag });
  }
  const children: ReferrerTree[] = [];
  for (const child of found) {
    if (seen.has(child.descriptor.digest)) continue;
    seen.add(child.descriptor.digest);
    // A tag was resolved just now; a list may name what was deleted since.
    const isMissing = child.found === 'referrer' && !(await repository.exists(child.descriptor, options));
    const isCut = depth === MAX_DEPTH;
    const state = isMissing ? 'missing' : isCut ? 'cut' : undefined;
    const below = isCut ? [] : await childrenOf(repository, child.descriptor, seen, depth + 1, options);
    children.push({ ...child, ...(state === undefined ? {} : { state }), children: below });
  }
  return children;
}
