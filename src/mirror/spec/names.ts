import { compileGlob } from '#core';

/** Tells whether a spec's name for repositories means one, and what that one is called in the zone. */
export type NameRule = (repository: string) => string | undefined;

/** Whether a name stands for any number of repositories. */
export function isNamePattern(name: string): boolean {
  return /[*?]/.test(name);
}

/**
 * The rule for a name and the name in the zone: as in git's refspecs, the star of `target` stands for what the only star
 * of `name` matched.
 *
 * @returns undefined where these do not fit together
 */
export function compileName(name: string, target: string | undefined): NameRule | undefined {
  if (!isNamePattern(name)) {
    if (target !== undefined && isNamePattern(target)) return undefined;
    return (repository) => (repository === name ? (target ?? name) : undefined);
  }
  const matches = compileGlob(name);
  if (target === undefined) return (repository) => (matches(repository) ? repository : undefined);
  const [want, give] = [name.split('*'), target.split('*')];
  if (want.length !== 2 || give.length !== 2 || name.includes('?') || target.includes('?')) return undefined;
  const [before = '', after = ''] = want;
  return (repository) => {
    if (!matches(repository)) return undefined;
    return give.join(repository.slice(before.length, repository.length - after.length));
  };
}
