import { CodedError } from '#core';
import { isRepositoryName } from '#oci/image';
import { isNamePattern, type MirrorSpec, type RepositoryRule } from '../spec.ts';

/** A repository that is mirrored. */
export interface MirroredRepository {
  /** At the source, without the host. */
  readonly sourceName: string;
  /** In the zone, without the host. */
  readonly name: string;
  readonly rule: RepositoryRule;
}

/**
 * The repositories that a spec means. One that is named counts before globs, and of globs the first.
 *
 * @param list all repositories of the source; called only where there are globs
 * @throws CodedError ERR_EXPORT_SELECTION_EMPTY for a glob that means none, ERR_EXPORT_MIRROR_SPEC where two would have
 *   one name in the zone
 */
export async function resolveRepositories(
  spec: MirrorSpec,
  list: () => Promise<readonly string[]>,
): Promise<MirroredRepository[]> {
  const found = new Map<string, MirroredRepository>();
  const add = (sourceName: string, rule: RepositoryRule) => {
    const name = rule.nameInZone(sourceName);
    if (name === undefined || found.has(sourceName)) return;
    found.set(sourceName, { sourceName, name, rule });
  };
  const [patterns, names] = [spec.rules.filter(isPattern), spec.rules.filter((rule) => !isPattern(rule))];
  for (const rule of names) add(rule.name, rule);
  const all = patterns.length === 0 ? [] : namesBelow(spec, await list());
  for (const rule of patterns) {
    const matched = all.filter((name) => rule.nameInZone(name) !== undefined);
    if (matched.length === 0) throw matchesNothing(spec, rule);
    for (const name of matched) add(name, rule);
  }
  requireDistinct(spec, [...found.values()]);
  return [...found.values()];
}

function isPattern({ name }: RepositoryRule): boolean {
  return isNamePattern(name);
}

/** Without the source's prefix; snapshots of the mirror are no part of it. */
function namesBelow({ source, snapshots }: MirrorSpec, all: readonly string[]): string[] {
  return all
    .filter((name) => !(source.registry === snapshots.registry && name === snapshots.repository))
    .filter((name) => name.startsWith(source.prefix))
    .map((name) => name.slice(source.prefix.length));
}

function requireDistinct({ snapshots }: MirrorSpec, repositories: readonly MirroredRepository[]): void {
  // A kit carries the snapshots' repository under its own name.
  const byName = new Map([[snapshots.repository, 'the repository of snapshots']]);
  for (const { name, sourceName } of repositories) {
    const other = byName.get(name);
    if (!isRepositoryName(name)) throw specFault(`${sourceName}: ${JSON.stringify(name)} cannot be a repository`);
    if (other !== undefined) throw specFault(`${other} and ${sourceName} would both be ${name} in the zone`);
    byName.set(name, sourceName);
  }
}

function specFault(what: string): CodedError {
  return new CodedError('ERR_EXPORT_MIRROR_SPEC', what, { hint: 'change target in the mirror spec' });
}

function matchesNothing({ source }: MirrorSpec, { name }: RepositoryRule): CodedError {
  return new CodedError('ERR_EXPORT_SELECTION_EMPTY', `${source.registry}: no repository matches ${name}`, {
    hint: 'list them with: curl https://HOST/v2/_catalog; correct the name in the mirror spec',
    details: { registry: source.registry, name },
  });
}
