import { CodedError } from '#core';
import { jsonRaw } from './json-raw.ts';
import type { Profile } from './profile.ts';
import { trivyDb } from './trivy-db.ts';

/** The profiles that this version can run. */
export const profiles: readonly Profile[] = [jsonRaw, trivyDb];

/**
 * The profile of that name.
 *
 * @throws CodedError ERR_EXPORT_PROFILE_UNKNOWN
 */
export function resolveProfile(name: string): Profile {
  const profile = profiles.find((candidate) => candidate.name === name);
  if (profile !== undefined) return profile;
  throw new CodedError('ERR_EXPORT_PROFILE_UNKNOWN', `unknown profile: ${JSON.stringify(name.slice(0, 100))}`, {
    hint: `use one of ${profiles.map((known) => known.name).join(', ')}`,
  });
}
