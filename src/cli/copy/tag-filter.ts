import { CodedError, compileGlob } from '#core';
import { isInRange, parseSemanticVersion, parseSemverRange } from './semver-range.ts';

/** Which of a repository's tags are wanted, as the options spell it. */
export interface TagFilterOptions {
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  readonly semver?: string | undefined;
}

/** cosign's tags and lists of referrers: they belong to a manifest, and are copied with it. */
const DIGEST_TAG = /^sha(?:256|512)-[0-9a-f]{64}/;

/**
 * The test for the tags that are wanted: those that match any `--include`, that are in the range of `--semver`, and
 * that match no `--exclude`. Tags that belong to a manifest go with that.
 *
 * @returns undefined where all are
 * @throws CodedError ERR_EXPORT_USAGE for a range of another form
 */
export function tagFilterOf({ include, exclude, semver }: TagFilterOptions): ((tag: string) => boolean) | undefined {
  const [included, excluded] = [(include ?? []).map(compileGlob), (exclude ?? []).map(compileGlob)];
  if (included.length === 0 && excluded.length === 0 && semver === undefined) return undefined;
  const range = semver === undefined ? undefined : parseSemverRange(semver);
  if (semver !== undefined && range === undefined) {
    throw new CodedError(
      'ERR_EXPORT_USAGE',
      `--semver ${JSON.stringify(semver.slice(0, 200))}: not a valid version range`,
      {
        hint: 'write it as ">=1.2 <2", "^1.2", "~1.2.3", "1.x" or "1.2 - 1.4", joined by ||',
      },
    );
  }
  return (tag) => {
    if (DIGEST_TAG.test(tag)) return false;
    const version = range === undefined ? undefined : parseSemanticVersion(tag);
    if (range !== undefined && (version === undefined || !isInRange(version, range))) return false;
    if (included.length > 0 && !included.some((matches) => matches(tag))) return false;
    return !excluded.some((matches) => matches(tag));
  };
}
