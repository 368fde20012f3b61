import { annotationKeys, isManifestType } from '#core';
import { bareDescriptor, fetchBytes, type OperationOptions, parseManifest, type Repository } from '#oci/image';
import type { ResolvedTag } from './walk.ts';

/** What bundles have in the annotation `source`, before the name of their profile and its revision. */
const SOURCE = 'urn:export-center:profile:';

/** Whether a tag names a bundle that a profile made, as its annotation says. */
export async function isBundleOf(
  source: Repository,
  { descriptor }: ResolvedTag,
  profile: string,
  options: OperationOptions,
): Promise<boolean> {
  if (!isManifestType(descriptor.mediaType)) return false;
  const bytes = await fetchBytes(source, bareDescriptor(descriptor), options);
  const { annotations } = parseManifest(bytes, descriptor.mediaType, `${source.name}@${descriptor.digest}`);
  return annotations[annotationKeys.source]?.startsWith(`${SOURCE}${profile}:`) ?? false;
}
