import { CodedError } from '#core';
import { jsonRaw } from './json-raw.ts';
import { mirrorDelta } from './mirror-delta.ts';
import { mirrorFull } from './mirror-full.ts';
import type { Profile } from './profile.ts';
import { trivyDb } from './trivy-db.ts';

/** The profiles that this version can run. */
export const profiles: readonly Profile[] = [jsonRaw, trivyDb];

/** Those that copy what is published, and build nothing. */
const runProfiles = [mirrorFull, mirrorDelta];

/**
 * The profile of that name, which builds bundles.
 *
 * @throws CodedError ERR_EXPORT_PROFILE_UNKNOWN, also for one that builds none
 */
export function resolveProfile(name: string): Profile {
  const profile = profiles.find((candidate) => candidate.name === name);
  if (profile !== undefined) return profile;
  const other = runProfiles.find((candidate) => candidate.name === name);
  if (other !== undefined) {
    throw new CodedError(
      'ERR_EXPORT_PROFILE_UNKNOWN',
      `${name}: it copies what is published, and is not built of records`,
      {
        hint: `use export-center ${other.command}`,
      },
    );
  }
  throw new CodedError('ERR_EXPORT_PROFILE_UNKNOWN', `unknown profile: ${JSON.stringify(name.slice(0, 100))}`, {
    hint: `use one of ${profiles.map((known) => known.name).join(', ')}`,
  });
}
