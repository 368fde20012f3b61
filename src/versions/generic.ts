import {
  compareNumbers,
  MAX_VERSION_LENGTH,
  type NearestBounds,
  parseNumbers,
  type Spelled,
  trimVersion,
  trimZeros,
  type VersionGrammar,
  type VersionNumber,
} from './grammar.ts';
import { nearestBounds, only } from './nearest.ts';
import { comparePreReleases, type PreRelease, parsePreRelease, withoutWildcards } from './pre-release.ts';

/** Any number of numbers, then a pre-release. Build metadata counts for nothing. */
export interface GenericVersion {
  /** Without zeros at the end: 1.2 and 1.2.0 are one version. */
  readonly numbers: readonly VersionNumber[];
  readonly preRelease: PreRelease;
}

const WORD = '[0-9A-Za-z~-]+';
/** A pre-release that begins with a digit needs the hyphen, another may do without: `1.7rc2`. */
const PRE_RELEASE = `-([0-9]${WORD.replace('+', '*')}(?:\\.${WORD}){0,127})|-?([A-Za-z~-]${WORD.replace('+', '*')}(?:\\.${WORD}){0,127})`;
const FORM = new RegExp(`^(v?)([0-9]+(?:\\.[0-9]+){0,127})(?:${PRE_RELEASE})?(?:\\+${WORD}(?:\\.${WORD}){0,127})?$`);

/**
 * Go modules and Rust crates: aquasecurity/go-version 0.0.1, package version. Installed versions and bounds are read
 * alike there.
 */
export const genericGrammar: VersionGrammar<GenericVersion> = {
  bound,
  nearest,
  installed,
  compare: (a, b) => compareNumbers(a.numbers, b.numbers) || comparePreReleases(a.preRelease, b.preRelease),
};

/** With a wildcard in its pre-release a bound would be equal to each pre-release and to the release. */
function bound(raw: string): Spelled<GenericVersion> | undefined {
  const text = plain(raw);
  const found = parse(text) ?? parse(text.split('+', 1)[0] as string);
  return found?.version.preRelease === 'any' ? undefined : found;
}

function nearest(raw: string): NearestBounds<GenericVersion> | undefined {
  const text = plain(raw);
  const spelled = spellOut(text);
  if (spelled !== undefined) return only(genericGrammar, spelled);
  return nearestBounds(text, {
    prefix: /^v/,
    maxNumbers: Number.POSITIVE_INFINITY,
    isLimited: true,
    least: '-0',
    hasPreReleases: true,
    bound,
  });
}

function installed(text: string): Spelled<GenericVersion> | undefined {
  const found = parse(text);
  return found?.version.preRelease === 'any' ? { ...found, text: spellOut(text) ?? text } : found;
}

/** A version without the wildcards of its pre-release and without build metadata; undefined where it is no version. */
function spellOut(text: string): string | undefined {
  const match = FORM.exec(text);
  if (match === null || parseNumbers(match[2] as string) === undefined) return undefined;
  return `${match[1]}${match[2]}-${withoutWildcards(match[3] ?? match[4] ?? '')}`;
}

/** Trimmed, with the prefix that trivy knows. */
function plain(raw: string): string {
  const text = trimVersion(raw);
  return text[0] === 'V' ? `v${text.slice(1)}` : text;
}

function parse(text: string): Spelled<GenericVersion> | undefined {
  if (text.length > MAX_VERSION_LENGTH) return undefined;
  const match = FORM.exec(text);
  const numbers = match === null ? undefined : parseNumbers(match[2] as string);
  if (numbers === undefined) return undefined;
  const preRelease = parsePreRelease(match?.[3] ?? match?.[4] ?? '');
  return { text, version: { numbers: trimZeros(numbers), preRelease } };
}
