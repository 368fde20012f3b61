import { isRegistryReference, type Reference, type Repository } from '#oci/image';

/** Where a zone keeps what it imports: a registry, with a prefix of names or without, or a layout. */
export interface ZonePlace {
  /** What it is called in messages and statements. */
  readonly name: string;
  /** A repository by its name in the zone. Whoever opens it closes it. */
  open(repository: string): Promise<Repository>;
  /** What a tag is called in a repository that `open` gave. */
  tagName(repository: string, tag: string): string;
  /** Options by which a tag of a repository is set there. */
  tagOptions(repository: string): { readonly repository?: string; readonly inFull?: boolean };
}

/** Where an import goes, as the command line names it. */
export type ZoneTarget =
  | { readonly kind: 'registry'; readonly registry: string; readonly prefix: string }
  | { readonly kind: 'layout'; readonly path: string };

/** The place that a target names. @param open opens a repository for writing, a layout that is not there yet too */
export function placeAt(target: ZoneTarget, open: (reference: Reference) => Promise<Repository>): ZonePlace {
  if (target.kind === 'layout') {
    const reference: Reference = { kind: 'layout', path: target.path };
    return {
      name: `oci:${target.path}`,
      open: () => open(reference),
      tagName: (repository, tag) => `${repository}:${tag}`,
      tagOptions: (repository) => ({ repository, inFull: true }),
    };
  }
  const { registry, prefix } = target;
  return {
    name: prefix === '' ? registry : `${registry}/${prefix.slice(0, -1)}`,
    open: (repository) => open({ kind: 'registry', registry, repository: `${prefix}${repository}` }),
    tagName: (_, tag) => tag,
    tagOptions: () => ({}),
  };
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
