import { CodedError } from '#core';

/** What a consumer wants: which records become which artifact. Immutable per revision. */
export interface Profile {
  readonly name: string;
  readonly kind: 'json' | 'trivy';
  readonly variant: 'raw' | 'db';
  /** Raised when the meaning of the profile changes. */
  readonly revision: string;
  /** One sentence for help texts. */
  readonly summary: string;
}

/** The profiles that this version can run. */
export const profiles: readonly Profile[] = [
  {
    name: 'json:raw',
    kind: 'json',
    variant: 'raw',
    revision: 'r1',
    summary: 'the records themselves, canonical JSON lines in content-defined shards',
  },
  {
    name: 'trivy:db',
    kind: 'trivy',
    variant: 'db',
    revision: 'r1',
    summary: 'a vulnerability database that stock Trivy takes by --db-repository',
  },
];

/**
 * The profile of that name.
 *
 * @throws CodedError ERR_EXPORT_PROFILE_UNKNOWN
 */
export function resolveProfile(name: string): Profile {
  const profile = profiles.find((candidate) => candidate.name === name);
  if (profile !== undefined) return profile;
  throw new CodedError('ERR_EXPORT_PROFILE_UNKNOWN', `no such profile: ${JSON.stringify(name.slice(0, 100))}`, {
    hint: `use one of ${profiles.map((known) => known.name).join(', ')}`,
  });
}
