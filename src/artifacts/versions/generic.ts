import {
  compareNumbers,
  comparePreReleases,
  type PreRelease,
  parseNumbers,
  parsePreRelease,
  type Spelled,
  trimZeros,
  type VersionGrammar,
  type VersionNumber,
} from './grammar.ts';

/** Any number of numbers, then a pre-release. Build metadata counts for nothing. */
export interface GenericVersion {
  /** Without zeros at the end: 1.2 and 1.2.0 are one version. */
  readonly numbers: readonly VersionNumber[];
  readonly preRelease: PreRelease;
}

const WORD = '[0-9A-Za-z~-]+';
/** A pre-release that begins with a digit needs the hyphen, another may do without: `1.7rc2`. */
const PRE_RELEASE = `-([0-9]${WORD.replace('+', '*')}(?:\\.${WORD})*)|-?([A-Za-z~-]${WORD.replace('+', '*')}(?:\\.${WORD})*)`;
const FORM = new RegExp(`^v?([0-9]+(?:\\.[0-9]+)*)(?:${PRE_RELEASE})?(?:\\+${WORD}(?:\\.${WORD})*)?$`);

/**
 * Go modules and Rust crates: aquasecurity/go-version 0.0.1, package version. Installed versions and bounds are read
 * alike there.
 */
export const genericGrammar: VersionGrammar<GenericVersion> = {
  bound: parse,
  installed: parse,
  compare: (a, b) => compareNumbers(a.numbers, b.numbers) || comparePreReleases(a.preRelease, b.preRelease),
};

function parse(text: string): Spelled<GenericVersion> | undefined {
  const match = FORM.exec(text);
  const numbers = match === null ? undefined : parseNumbers(match[1] as string);
  if (numbers === undefined) return undefined;
  const preRelease = parsePreRelease(match?.[2] ?? match?.[3] ?? '');
  return { text, version: { numbers: trimZeros(numbers), preRelease } };
}
