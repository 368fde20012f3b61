import { CodedError, compareText, compileGlob } from '#core';
import { compareVersions, isInRange, parseSemanticVersion, parseSemverRange } from './semver-range.ts';

/** Which of a repository's tags are wanted. */
export interface TagFilterOptions {
  /** Globs. */
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  /** A range, as parseSemverRange reads it. */
  readonly semver?: string | undefined;
}

/** cosign's tags and lists of referrers: they belong to a manifest, and are copied with it. */
const DIGEST_TAG = /^sha(?:256|512)-[0-9a-f]{64}/;

/** Whether a tag belongs to a manifest whose digest it bears: one of cosign's, or a list of referrers. */
export function isDigestTag(tag: string): boolean {
  return DIGEST_TAG.test(tag);
}

/** Of tags that spell versions the `count` highest, in descending order; other tags are none of them. */
export function newestOf(tags: Iterable<string>, count: number): string[] {
  const versions = [...tags].flatMap((tag) => {
    const version = parseSemanticVersion(tag);
    return version === undefined ? [] : [{ tag, version }];
  });
  versions.sort((a, b) => compareVersions(b.version, a.version) || compareText(a.tag, b.tag));
  return versions.slice(0, count).map(({ tag }) => tag);
}

/**
 * The test for the tags that are wanted: those that match any glob of `include`, that are in the range of `semver`, and
 * that match none of `exclude`. Tags that belong to a manifest go with that.
 *
 * @param name what the range is called in an error
 * @returns undefined where all are
 * @throws CodedError ERR_EXPORT_USAGE for a range of another form
 */
export function tagFilterOf(
  { include, exclude, semver }: TagFilterOptions,
  name = '--semver',
): ((tag: string) => boolean) | undefined {
  const [included, excluded] = [(include ?? []).map(compileGlob), (exclude ?? []).map(compileGlob)];
  if (included.length === 0 && excluded.length === 0 && semver === undefined) return undefined;
  const range = semver === undefined ? undefined : parseSemverRange(semver);
  if (semver !== undefined && range === undefined) {
    throw new CodedError(
      'ERR_EXPORT_USAGE',
      `${name} ${JSON.stringify(semver.slice(0, 200))}: not a valid version range`,
      {
        hint: 'write it as ">=1.2 <2", "^1.2", "~1.2.3", "1.x" or "1.2 - 1.4", joined by ||',
      },
    );
  }
  return (tag) => {
    if (isDigestTag(tag)) return false;
    const version = range === undefined ? undefined : parseSemanticVersion(tag);
    if (range !== undefined && (version === undefined || !isInRange(version, range))) return false;
    if (included.length > 0 && !included.some((matches) => matches(tag))) return false;
    return !excluded.some((matches) => matches(tag));
  };
}
