import { CodedError, canonicalText, type JsonObject } from '#core';
import type { ExportManifest } from '../export-manifest.generated.ts';
import { describeProfile, type Profile, resolveProfile } from '../profiles.ts';

/** A profile of this version, and the options that export.json has of it. */
export interface KnownProfile {
  readonly profile: Profile;
  readonly options: JsonObject;
}

/**
 * The profile that an export.json names, whose options are in the one spelling that it writes.
 *
 * @throws CodedError ERR_EXPORT_CONTENT_MISMATCH for a profile, a revision or options that this version does not know
 */
export function knownProfileOf(manifest: ExportManifest, place: string): KnownProfile {
  const { skipInvalid: _, ...options } = manifest.inputs.options as JsonObject;
  try {
    const profile = resolveProfile(manifest.profile.name);
    const isSame = equal(describeProfile(profile), manifest.profile);
    if (isSame && equal(profile.options.read(options, 'options'), options)) return { profile, options };
  } catch (cause) {
    if (!(cause instanceof CodedError)) throw cause;
    throw unknown(manifest, place, cause);
  }
  throw unknown(manifest, place);
}

function equal(a: object, b: object): boolean {
  return canonicalText(a as JsonObject) === canonicalText(b as JsonObject);
}

function unknown({ profile }: ExportManifest, place: string, cause?: CodedError): CodedError {
  const what = `${place}: the profile ${profile.name} ${profile.revision} or its options are not supported by this version`;
  return new CodedError('ERR_EXPORT_CONTENT_MISMATCH', what, {
    hint: 'verify with the version of Export Center that made it, or a newer one',
    details: { place, profile: profile.name, revision: profile.revision },
    cause,
  });
}
