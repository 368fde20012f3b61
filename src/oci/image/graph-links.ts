import { type Descriptor, type Digest, isIndexType, isManifestType } from '#core';
import { cosignTagsOf } from './cosign-tags.ts';
import { type GraphLink, type GraphNodeKind, graphTooLarge } from './graph.ts';
import { type Manifest, mentionsIn } from './manifest.ts';
import type { OperationOptions, Repository } from './ports.ts';

/** What of a repository names referrers and tags; a walk of the graph needs no more of it. */
export type GraphPort = Pick<Repository, 'referrers' | 'resolve'>;

/** A root of a walk: a manifest, whatever its media type. */
export function rootLink(descriptor: Descriptor): GraphLink {
  return { kind: manifestKind(descriptor.mediaType), descriptor, reason: { kind: 'root' } };
}

/** What a manifest cannot do without, in each of its mentions; its subject, which it can, is not among it. */
export function successorLinks(of: Digest, manifest: Manifest): GraphLink[] {
  return mentionsIn(manifest).map((descriptor) => {
    const kind = manifestKind(descriptor.mediaType);
    // An index may list blobs as well; what an image or artifact manifest lists are blobs.
    const isBlob = kind === 'unknown' && manifest.kind !== 'index';
    return { kind: isBlob ? 'blob' : kind, descriptor, reason: { kind: 'child', of } };
  });
}

/**
 * The manifests that a repository lists as referrers of a subject, in its order and as it lists them: whether they refer
 * to it is known once they are read.
 *
 * @throws CodedError ERR_EXPORT_TOO_LARGE for more than `maxReferrers`
 */
export async function referrerLinks(
  port: GraphPort,
  subject: Digest,
  { signal, maxReferrers = Infinity }: OperationOptions & { readonly maxReferrers?: number } = {},
): Promise<GraphLink[]> {
  const links: GraphLink[] = [];
  for await (const descriptor of port.referrers(subject, { signal })) {
    const reason = { kind: 'referrer', of: subject } as const;
    const count = links.push({ kind: manifestKind(descriptor.mediaType), descriptor, reason });
    if (count > maxReferrers) throw graphTooLarge({ digest: subject }, maxReferrers, 'referrers');
  }
  return links;
}

/** The manifest that one of cosign's tags for a subject (cosignTagsOf) leads to; none where there is no such tag. */
export async function cosignTagLink(
  port: GraphPort,
  of: Digest,
  tag: string,
  options: OperationOptions = {},
): Promise<GraphLink | undefined> {
  const descriptor = await port.resolve(tag, options);
  if (descriptor === undefined) return undefined;
  return { kind: manifestKind(descriptor.mediaType), descriptor, reason: { kind: 'cosignTag', of, tag } };
}

/** All that cosign's tags for a subject lead to, in the order of cosignTagsOf. */
export async function cosignTagLinks(
  port: GraphPort,
  of: Digest,
  options: OperationOptions = {},
): Promise<GraphLink[]> {
  const links: GraphLink[] = [];
  for (const tag of cosignTagsOf(of)) {
    const link = await cosignTagLink(port, of, tag, options);
    if (link !== undefined) links.push(link);
  }
  return links;
}

/** What a manifest of this media type is; `unknown` where the type is not supported. */
function manifestKind(mediaType: string): GraphNodeKind {
  if (isIndexType(mediaType)) return 'index';
  return isManifestType(mediaType) ? 'manifest' : 'unknown';
}
