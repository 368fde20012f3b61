import {
  compareNumbers,
  MAX_VERSION_LENGTH,
  type NearestBounds,
  parseNumbers,
  type Spelled,
  trimVersion,
  type VersionGrammar,
  type VersionNumber,
} from './grammar.ts';
import { nearestBounds, only } from './nearest.ts';
import { comparePreReleases, type PreRelease, parsePreRelease, withoutWildcards } from './pre-release.ts';

/** Three numbers, then a pre-release. Build metadata counts for nothing. */
export interface NpmVersion {
  readonly numbers: readonly VersionNumber[];
  readonly preRelease: PreRelease;
}

const WORDS = '[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+){0,127}';
const BOUND = new RegExp(`^(v?)([0-9]+(?:\\.[0-9]+){0,2})(?:-(${WORDS}))?(?:\\+(${WORDS}))?$`);

/** semver.org 2.0.0: three numbers without leading zeros, a pre-release whose numbers have none either. */
const NUMBER = '(?:0|[1-9][0-9]*)';
const PRE = `(?:${NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)`;
const STRICT = new RegExp(`^${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-${PRE}(?:\\.${PRE}){0,127})?(?:\\+${WORDS})?$`);

/** npm: aquasecurity/go-npm-version 0.0.2 with pre-releases included, as trivy asks for them. */
export const npmGrammar: VersionGrammar<NpmVersion> = {
  bound,
  nearest,
  installed,
  compare: (a, b) => compareNumbers(a.numbers, b.numbers) || comparePreReleases(a.preRelease, b.preRelease),
};

/** With a wildcard in its pre-release a bound would match everything or nothing. */
function bound(raw: string): Spelled<NpmVersion> | undefined {
  const text = plain(raw);
  const found = parse(text) ?? parse(text.split('+', 1)[0] as string);
  return found?.version.preRelease === 'any' ? undefined : found;
}

function nearest(raw: string): NearestBounds<NpmVersion> | undefined {
  const text = plain(raw);
  const found = parse(text);
  if (found !== undefined) return only(npmGrammar, found.text);
  return nearestBounds(text, {
    prefix: /^v/,
    maxNumbers: 3,
    isLimited: true,
    least: '-0',
    hasPreReleases: true,
    bound,
  });
}

function installed(text: string): Spelled<NpmVersion> | undefined {
  return text.length <= MAX_VERSION_LENGTH && STRICT.test(text) ? parse(text) : undefined;
}

/** Trimmed, with the prefix that trivy knows. */
function plain(raw: string): string {
  const text = trimVersion(raw);
  return text[0] === 'V' ? `v${text.slice(1)}` : text;
}

/**
 * A bound of fewer than three numbers is completed: npm would take `1.2` for each 1.2.x, and OSV means 1.2.0. So is a
 * pre-release with a wildcard, which has a spelling without.
 */
function parse(text: string): Spelled<NpmVersion> | undefined {
  const match = text.length > MAX_VERSION_LENGTH ? null : BOUND.exec(text);
  const numbers = match === null ? undefined : parseNumbers(match[2] as string);
  if (match === null || numbers === undefined) return undefined;
  const preRelease = parsePreRelease(match[3] ?? '');
  const isWhole = numbers.length === 3 && preRelease !== 'any';
  while (numbers.length < 3) numbers.push(0);
  return { text: isWhole ? text : complete(match), version: { numbers, preRelease } };
}

function complete([, prefix = '', numbers = '', preRelease, build]: RegExpExecArray): string {
  const missing = '.0'.repeat(3 - numbers.split('.').length);
  const rest = preRelease === undefined ? '' : `-${withoutWildcards(preRelease)}`;
  return `${prefix}${numbers}${missing}${rest}${build ? `+${build}` : ''}`;
}
