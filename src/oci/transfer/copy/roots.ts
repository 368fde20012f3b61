import type { Descriptor, Digest } from '#core';
import {
  isRegistryReference,
  type OperationOptions,
  type Reference,
  type Repository,
  severalRepositories,
} from '#oci/image';
import type { CopyFailure } from './copy-failure.ts';
import { Semaphore } from './semaphore.ts';
import type { CopyTag } from './tags.ts';

/** All that a repository lists. */
export interface CopyRoots {
  /** In the order of their names; with a repository where several share the source. */
  readonly tags: readonly CopyTag[];
  /** Manifests that no tag leads to directly; none where the repository cannot list them. */
  readonly untagged: readonly Descriptor[];
  /** Tags that lead to nothing, and names that cannot be tags. */
  readonly missing: readonly CopyFailure[];
}

/** What is listed, and how. */
export interface ListOptions extends OperationOptions {
  /** Tags that are wanted; all unless told, and then manifests without a tag too. */
  readonly filter?: ((tag: string) => boolean) | undefined;
}

/** Everything in a repository: its tags and, where it can list them, the manifests without one. */
export async function listRoots(source: Repository, options: ListOptions = {}): Promise<CopyRoots> {
  const tags: CopyTag[] = [];
  const missing: CopyFailure[] = [];
  const onInvalid = (name: string) => void missing.push(notATag(source, name));
  for (const { tag, repository, descriptor } of await resolveAll(source, options, onInvalid)) {
    if (descriptor === undefined) missing.push(leadsNowhere(source, tag));
    else tags.push({ tag, descriptor, repository });
  }
  const named = new Set<Digest>(tags.map(({ descriptor }) => descriptor.digest));
  const untagged: Descriptor[] = [];
  if (options.filter === undefined) {
    for await (const descriptor of source.manifests?.(options) ?? []) {
      if (!named.has(descriptor.digest)) untagged.push(descriptor);
    }
  }
  return { tags, untagged, missing };
}

async function resolveAll(source: Repository, { signal, filter }: ListOptions, onInvalid: (name: string) => void) {
  const listed: { tag: string; repository?: string | undefined }[] = [];
  if (source.listedTags !== undefined) for await (const each of source.listedTags({ signal })) listed.push(each);
  else for await (const tag of source.tags({ signal, onInvalid })) listed.push({ tag });
  const wanted = listed.filter(({ tag }) => filter?.(tag) ?? true);
  wanted.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  const semaphore = new Semaphore(8);
  return Promise.all(
    wanted.map(async (each) => {
      const descriptor = await semaphore.run(() => source.resolve(nameOf(each), { signal }));
      return { ...each, descriptor };
    }),
  );
}

function nameOf({ tag, repository }: { readonly tag: string; readonly repository?: string | undefined }): string {
  return repository === undefined ? tag : `${repository}:${tag}`;
}

/** What the source has that is marked as saved beside an image, and does not say which. */
export async function listUnattached(source: Repository): Promise<CopyFailure[]> {
  const found = (await source.unattached?.()) ?? [];
  return found.map((descriptor) => {
    const message = `${source.name}: signatures or attestations that do not say which image they belong to`;
    return { descriptor, code: 'ERR_EXPORT_UNSUPPORTED', message, mayPass: false };
  });
}

/**
 * Tags with the names that they get at the target. A layout or archive remembers which repository each is of; where
 * the source has several, it takes the full names, and a registry takes none of them.
 *
 * @throws CodedError ERR_EXPORT_REFERENCE_INVALID where tags of several repositories would become those of one
 */
export async function nameTags(
  source: Repository,
  from: Reference,
  to: Reference,
  tags: readonly CopyTag[],
): Promise<readonly CopyTag[]> {
  const repositories = [...new Set(tags.map(({ repository }) => repository).filter((name) => name !== undefined))];
  const merges = isRegistryReference(to) || to.repository !== undefined;
  if (merges && repositories.length > 1)
    throw severalRepositories(source.name, 'what is to be copied', repositories, '');
  if (merges) return tags.map(({ tag, descriptor }) => ({ tag, descriptor }));
  if (isRegistryReference(from)) {
    return tags.map((tag) => ({ ...tag, repository: `${from.registry}/${from.repository}` }));
  }
  if (repositories.length > 1) return tags.map((tag) => ({ ...tag, inFull: tag.repository !== undefined }));
  return Promise.all(
    tags.map(async (tag) => ({ ...tag, repository: tag.repository ?? (await source.repositoryOf?.(tag.tag)) })),
  );
}

function notATag(source: Repository, name: string): CopyFailure {
  const message = `${source.name}: ${JSON.stringify(name.slice(0, 200))} is listed among the tags and is not a valid tag`;
  return { tag: name, code: 'ERR_EXPORT_REFERENCE_INVALID', message, mayPass: false };
}

function leadsNowhere(source: Repository, tag: string): CopyFailure {
  const message = `${source.name}: the tag ${tag} is listed but not found`;
  return { tag, code: 'ERR_EXPORT_NOT_FOUND', message, mayPass: false };
}
