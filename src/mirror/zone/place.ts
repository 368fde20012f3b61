import { isCoded } from '#core';
import { isRegistryReference, type Reference, type Repository } from '#oci/image';

/** Where a zone keeps what it imports: a registry, with a prefix of names or without, or a layout. */
export interface ZonePlace {
  /** What it is called in messages and statements. */
  readonly name: string;
  /** A repository by its name in the zone, for writing. Whoever opens it closes it. */
  open(repository: string): Promise<Repository>;
  /** The same to read only; undefined where the layout does not exist, which stays so. */
  find(repository: string): Promise<Repository | undefined>;
  /** The same, with tags by their own names, as `untag` takes them. */
  findAlone(repository: string): Promise<Repository | undefined>;
  /** What a tag is called in a repository that `open` gave. */
  tagName(repository: string, tag: string): string;
  /** Options by which a tag of a repository is set there. */
  tagOptions(repository: string): { readonly repository?: string; readonly inFull?: boolean };
}

/** Where an import goes, as the command line names it. */
export type ZoneTarget =
  | { readonly kind: 'registry'; readonly registry: string; readonly prefix: string }
  | { readonly kind: 'layout'; readonly path: string };

/** The place that a target names. @param open opens a repository, with `create` for writing */
export function placeAt(
  target: ZoneTarget,
  open: (reference: Reference, create: boolean) => Promise<Repository>,
): ZonePlace {
  if (target.kind === 'layout') {
    const reference: Reference = { kind: 'layout', path: target.path };
    return {
      name: `oci:${target.path}`,
      open: () => open(reference, true),
      find: () => orUndefined(open(reference, false)),
      findAlone: (repository) => orUndefined(open({ ...reference, repository }, false)),
      tagName: (repository, tag) => `${repository}:${tag}`,
      tagOptions: (repository) => ({ repository, inFull: true }),
    };
  }
  const { registry, prefix } = target;
  const at = (repository: string): Reference => ({ kind: 'registry', registry, repository: `${prefix}${repository}` });
  return {
    name: prefix === '' ? registry : `${registry}/${prefix.slice(0, -1)}`,
    open: (repository) => open(at(repository), true),
    find: (repository) => open(at(repository), true),
    findAlone: (repository) => open(at(repository), true),
    tagName: (_, tag) => tag,
    tagOptions: () => ({}),
  };
}

async function orUndefined(opening: Promise<Repository>): Promise<Repository | undefined> {
  try {
    return await opening;
  } catch (error) {
    if (isCoded(error, 'ERR_EXPORT_NOT_FOUND')) return undefined;
    throw error;
  }
}

/** The target that a reference without tag and digest names. */
export function zoneTargetOf(reference: Reference): ZoneTarget | undefined {
  if (reference.tag !== undefined || reference.digest !== undefined) return undefined;
  if (isRegistryReference(reference)) {
    return { kind: 'registry', registry: reference.registry, prefix: `${reference.repository}/` };
  }
  if (reference.kind !== 'layout' || reference.repository !== undefined) return undefined;
  return { kind: 'layout', path: reference.path };
}
