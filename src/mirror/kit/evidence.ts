import { algorithmOf, type Digest, digestOf, mediaTypes } from '#core';
import { cosignTagsOf, parseManifest, successorLinks } from '#oci/image';
import { blobPath } from '#oci/layout';
import { kitFault } from '../faults.ts';
import type { KitSnapshot } from './contents.ts';
import type { Evidence } from './mirror-kit.generated.ts';
import { type OpenKit, readKitFile } from './open.ts';

const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/**
 * Refuses a kit whose evidence belongs to something else than its snapshot: TUF covers the snapshot and what that
 * lists, and only kit.json names its signatures and provenance, each by what it is attached to.
 *
 * @throws CodedError ERR_EXPORT_KIT_INVALID
 */
export async function requireEvidence(open: OpenKit, { kit }: KitSnapshot): Promise<void> {
  const { digest, evidence } = kit.snapshot;
  const tags = new Set<string>();
  for (const each of evidence) {
    if (each.tag !== undefined && (tags.has(each.tag) || !cosignTagsOf(digest).includes(each.tag))) {
      throw foreign(open, each.digest, `has the tag ${each.tag}`);
    }
    if (each.tag !== undefined) tags.add(each.tag);
    await requireOwn(open, each, digest);
  }
}

async function requireOwn(open: OpenKit, each: Evidence, snapshot: Digest): Promise<void> {
  const bytes = await readKitFile(open, blobPath(each.digest), MAX_MANIFEST_BYTES);
  if (bytes === undefined || digestOf(bytes, algorithmOf(each.digest)) !== each.digest) {
    throw kitFault('ERR_EXPORT_KIT_INVALID', open.path, `damaged: ${each.digest}`);
  }
  const manifest = parseManifest(bytes, mediaTypes.ociManifest, `${open.path}: ${each.digest}`);
  if (each.tag === undefined && manifest.subject?.digest !== snapshot) {
    throw foreign(open, each.digest, 'refers to something else');
  }
  const named = successorLinks(each.digest, manifest).map(({ descriptor: { digest, size } }) => `${digest} ${size}`);
  const listed = new Set(each.blobs.map(({ digest, sizeBytes }) => `${digest} ${sizeBytes}`));
  if (named.some((blob) => !listed.has(blob)) || new Set(named).size !== listed.size) {
    throw foreign(open, each.digest, 'names other blobs');
  }
}

function foreign({ path }: OpenKit, digest: Digest, what: string) {
  return kitFault(
    'ERR_EXPORT_KIT_INVALID',
    path,
    `${digest} ${what}, and kit.json lists it as evidence of the snapshot`,
  );
}
