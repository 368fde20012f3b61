import {
  compareNumbers,
  comparePreReleases,
  type PreRelease,
  parseNumbers,
  parsePreRelease,
  type Spelled,
  type VersionGrammar,
  type VersionNumber,
} from './grammar.ts';

/** Three numbers, then a pre-release. Build metadata counts for nothing. */
export interface NpmVersion {
  readonly numbers: readonly VersionNumber[];
  readonly preRelease: PreRelease;
}

const WORDS = '[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*';
const BOUND = new RegExp(`^(v?)([0-9]+(?:\\.[0-9]+){0,2})(?:-(${WORDS}))?(?:\\+(${WORDS}))?$`);

/** semver.org 2.0.0: three numbers without leading zeros, a pre-release whose numbers have none either. */
const NUMBER = '(?:0|[1-9][0-9]*)';
const PRE = `(?:${NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)`;
const STRICT = new RegExp(`^${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-${PRE}(?:\\.${PRE})*)?(?:\\+${WORDS})?$`);

/** npm: aquasecurity/go-npm-version 0.0.2 with pre-releases included, as trivy asks for them. */
export const npmGrammar: VersionGrammar<NpmVersion> = {
  bound,
  installed: (text) => (STRICT.test(text) ? bound(text) : undefined),
  compare: (a, b) => compareNumbers(a.numbers, b.numbers) || comparePreReleases(a.preRelease, b.preRelease),
};

/**
 * A bound of fewer than three numbers is completed: npm would take `1.2` for each 1.2.x, and OSV means 1.2.0. With a
 * wildcard among its parts a pre-release would match everything or nothing, so there is no such bound.
 */
function bound(text: string): Spelled<NpmVersion> | undefined {
  const match = BOUND.exec(text);
  const numbers = match === null ? undefined : parseNumbers(match[2] as string);
  if (match === null || numbers === undefined) return undefined;
  const preRelease = parsePreRelease(match[3] ?? '');
  if (preRelease === 'any') return undefined;
  const isWhole = numbers.length === 3;
  while (numbers.length < 3) numbers.push(0);
  const spelled = isWhole ? text : complete(match);
  return { text: spelled, version: { numbers, preRelease } };
}

function complete([, prefix = '', numbers = '', preRelease, build]: RegExpExecArray): string {
  const missing = '.0'.repeat(3 - numbers.split('.').length);
  return `${prefix}${numbers}${missing}${preRelease ? `-${preRelease}` : ''}${build ? `+${build}` : ''}`;
}
