import { MAX_VERSION_LENGTH, parseNumbers, type Spelled, trimVersion, type VersionNumber } from './grammar.ts';
import { type PreRelease, parsePreRelease, withoutWildcards } from './pre-release.ts';

/** Three numbers, then what follows a hyphen. Build metadata counts for nothing. */
export interface ThreeNumbers {
  readonly numbers: readonly VersionNumber[];
  readonly preRelease: PreRelease;
}

const WORDS = '[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+){0,127}';
const BOUND = new RegExp(`^(v?)([0-9]+(?:\\.[0-9]+){0,2})(?:-(${WORDS}))?(?:\\+(${WORDS}))?$`);

/** semver.org 2.0.0: three numbers without leading zeros, a pre-release whose numbers have none either. */
const NUMBER = '(?:0|[1-9][0-9]*)';
const PRE = `(?:${NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)`;
const STRICT = new RegExp(`^${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-${PRE}(?:\\.${PRE}){0,127})?(?:\\+${WORDS})?$`);

/** Trimmed, with the prefix that trivy knows. */
export function plainText(raw: string): string {
  const text = trimVersion(raw);
  return text[0] === 'V' ? `v${text.slice(1)}` : text;
}

/** An installed version, which is one of semver.org 2.0.0. */
export function parseStrict(text: string): Spelled<ThreeNumbers> | undefined {
  return text.length <= MAX_VERSION_LENGTH && STRICT.test(text) ? parseThreeNumbers(text) : undefined;
}

/**
 * A bound of fewer than three numbers is completed: trivy would take `1.2` for each 1.2.x, and OSV means 1.2.0. So is a
 * pre-release with a wildcard, which has a spelling without.
 */
export function parseThreeNumbers(text: string): Spelled<ThreeNumbers> | undefined {
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
