import { CodedError, type Descriptor, isCoded } from '#core';
import { formatReference, isRegistryReference, nameOf, type Reference, type Repository, schemeOf } from '#oci/image';
import {
  type CopyFailure,
  type CopyReport,
  type CopyTag,
  listRoots,
  listUnattached,
  nameTags,
  type Platform,
  parsePlatform,
  selectPlatform,
  type TagFilterOptions,
  tagFilterOf,
} from '#oci/transfer';
import type { Root } from './report.ts';

/** The options of `copy` that say what is wanted. */
export interface SelectionOptions extends TagFilterOptions {
  readonly allTags: boolean;
  readonly platform?: string | undefined;
}

/** What a copy begins at, and what of the source cannot be. */
export interface CopyRootList {
  readonly list: readonly Root[];
  readonly missing: CopyReport['missing'];
  readonly unsupported: CopyReport['unsupported'];
}

/** What of the source is wanted. */
export interface Selection {
  readonly allTags: boolean;
  readonly filter: ((tag: string) => boolean) | undefined;
  readonly platform: Platform | undefined;
}

/** @throws CodedError ERR_EXPORT_USAGE */
export function selectionOf(options: SelectionOptions): Selection {
  const { allTags, platform } = options;
  const filter = tagFilterOf(options);
  if (filter !== undefined && !allTags) {
    throw new CodedError('ERR_EXPORT_USAGE', '--include, --exclude and --semver can only be used with --all-tags', {
      hint: 'add --all-tags, or omit them',
    });
  }
  return { allTags, filter, platform: platform === undefined ? undefined : parsePlatform(platform) };
}

/**
 * What to copy, under the names that it gets at the target.
 *
 * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_REFERENCE_INVALID
 */
export async function rootsOf(
  source: Repository,
  from: Reference,
  to: Reference,
  selection: Selection,
  signal: AbortSignal,
): Promise<CopyRootList> {
  const unsupported = await listUnattached(source);
  if (selection.allTags) return { ...(await allRoots(source, from, to, selection, signal)), unsupported };
  const found = await oneRoot(source, from, signal);
  const { platform } = selection;
  const descriptor = platform === undefined ? found : await selectPlatform(source, found, platform, { signal });
  const tag = to.tag ?? from.tag;
  const list = tag === undefined ? [{ descriptor, tag }] : await namedRoot(source, from, to, { descriptor, tag });
  return { list, missing: [], unsupported };
}

async function oneRoot(source: Repository, from: Reference, signal: AbortSignal): Promise<Descriptor> {
  const isNameOptional = !isRegistryReference(from) && schemeOf(from).isNameOptional;
  const name = isNameOptional ? (from.digest ?? from.tag) : nameOf(from);
  const descriptor = name === undefined ? await onlyImage(source) : await source.resolve(name, { signal });
  if (descriptor !== undefined) return descriptor;
  throw new CodedError('ERR_EXPORT_NOT_FOUND', `${formatReference(from)}: artifact not found`, {
    hint: 'check the reference; export-center ls REPOSITORY lists the tags',
  });
}

/** A docker archive mostly holds one image, which then needs no name. */
async function onlyImage(source: Repository): Promise<Descriptor | undefined> {
  const found: Descriptor[] = [];
  for await (const descriptor of source.manifests?.() ?? []) found.push(descriptor);
  if (found.length < 2) return found[0];
  throw new CodedError(
    'ERR_EXPORT_REFERENCE_INVALID',
    `${source.name}: contains ${found.length} images, and the reference names none`,
    {
      hint: `specify one: ${source.name}:REPOSITORY:TAG (export-center ls lists them) or ${source.name}@DIGEST (ls --untagged lists them)`,
    },
  );
}

async function allRoots(
  source: Repository,
  from: Reference,
  to: Reference,
  { filter, platform }: Selection,
  signal: AbortSignal,
): Promise<Omit<CopyRootList, 'unsupported'>> {
  const { tags, untagged, missing } = await listRoots(source, { signal, filter });
  const chosen = platform === undefined ? { tags, missing } : await choose(source, tags, platform, signal);
  const named = await nameTags(source, from, to, chosen.tags);
  const alone = platform === undefined ? untagged.map((descriptor) => ({ descriptor, tag: undefined })) : [];
  const list: Root[] = [...named, ...alone];
  const lacking = platform === undefined ? missing : [...missing, ...chosen.missing];
  if (list.length + lacking.length > 0) return { list, missing: lacking };
  const what = filter === undefined ? 'no tags found' : 'no tag matches the filters';
  throw new CodedError('ERR_EXPORT_NOT_FOUND', `${source.name}: ${what}`, {
    hint: 'check the reference and the filters',
  });
}

/** For each index its image for the platform; those without one are missing, and what is no index stays. */
async function choose(source: Repository, tags: readonly CopyTag[], platform: Platform, signal: AbortSignal) {
  const found: CopyTag[] = [];
  const missing: CopyFailure[] = [];
  for (const each of tags) {
    try {
      found.push({ ...each, descriptor: await selectPlatform(source, each.descriptor, platform, { signal }) });
    } catch (error) {
      if (!isCoded(error, 'ERR_EXPORT_NOT_FOUND')) throw error;
      missing.push({ ...each, code: error.code, message: error.message, mayPass: false });
    }
  }
  return { tags: found, missing };
}

/** A tag that is another at the target than at the source is of the same repository. */
async function namedRoot(source: Repository, from: Reference, to: Reference, root: CopyTag): Promise<readonly Root[]> {
  const asListed = from.tag === undefined || from.digest !== undefined ? undefined : from.tag;
  const known = asListed === undefined ? undefined : await source.repositoryOf?.(asListed);
  return nameTags(source, from, to, [{ ...root, ...(known === undefined ? {} : { repository: known }) }]);
}
