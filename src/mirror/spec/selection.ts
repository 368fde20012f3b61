import { isDigestTag, newestOf, tagFilterOf } from '#oci/transfer';
import type { Choice } from './mirror-spec.generated.ts';

/** Picks tags of a repository: those that any of several choices picks. */
export type TagSelection = (tags: readonly string[]) => ReadonlySet<string>;

/**
 * The selection that choices spell; a text is a glob. Tags that belong to a manifest, as cosign's do, are never picked:
 * they go with that.
 *
 * @throws CodedError ERR_EXPORT_USAGE for a version range of another form
 */
export function compileSelection(choices: readonly (string | Choice)[] | undefined): TagSelection {
  const picks = (choices ?? [{}]).map(compileChoice);
  return (tags) => {
    const own = tags.filter((tag) => !isDigestTag(tag));
    return new Set(picks.flatMap((pick) => pick(own)));
  };
}

function compileChoice(choice: string | Choice): (tags: readonly string[]) => readonly string[] {
  const { newest, ...options } = typeof choice === 'string' ? { include: [choice], newest: undefined } : choice;
  const filter = tagFilterOf(options, 'semver');
  return (tags) => {
    const wanted = filter === undefined ? tags : tags.filter(filter);
    return newest === undefined ? wanted : newestOf(wanted, newest);
  };
}
