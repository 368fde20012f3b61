import type { Descriptor, Digest } from '#core';
import type { OperationOptions, Repository } from '../ports.ts';
import type { Shortfall } from './shortfall.ts';
import type { CopyTag } from './tags.ts';

/** All that a repository lists. */
export interface CopyRoots {
  readonly tags: readonly CopyTag[];
  /** Manifests that no tag leads to directly; none where the repository cannot list them. */
  readonly untagged: readonly Descriptor[];
  /** Tags that lead to nothing. */
  readonly missing: readonly Shortfall[];
}

/** Everything in a repository: its tags and, where it can list them, the manifests without one. */
export async function listRoots(source: Repository, options: OperationOptions = {}): Promise<CopyRoots> {
  const tags: CopyTag[] = [];
  const missing: Shortfall[] = [];
  const named = new Set<Digest>();
  for await (const tag of source.tags(options)) {
    const descriptor = await source.resolve(tag, options);
    if (descriptor === undefined) missing.push(leadsNowhere(source, tag));
    else {
      tags.push({ tag, descriptor });
      named.add(descriptor.digest);
    }
  }
  const untagged: Descriptor[] = [];
  for await (const descriptor of source.manifests?.(options) ?? []) {
    if (!named.has(descriptor.digest)) untagged.push(descriptor);
  }
  return { tags, untagged, missing };
}

function leadsNowhere(source: Repository, tag: string): Shortfall {
  const message = `${source.name}: the tag ${tag} is listed and leads to nothing`;
  return { tag, code: 'ERR_EXPORT_NOT_FOUND', message, mayPass: false };
}
