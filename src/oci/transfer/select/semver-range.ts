/** A version as semver.org 2.0.0 has it. */
export interface SemanticVersion {
  readonly numbers: readonly [number, number, number];
  /** Empty for a release. */
  readonly preRelease: readonly string[];
}

interface Comparator {
  readonly operator: '<' | '<=' | '>' | '>=';
  readonly version: SemanticVersion;
}

/** What versions are wanted: any of several lists of bounds. */
export type SemverRange = readonly (readonly Comparator[])[];

/** One to three numbers. */
const VERSION = /^v?(\d{1,15})(?:\.(\d{1,15}))?(?:\.(\d{1,15}))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;
/** Two or three numbers of which the last may be a wildcard. */
const PARTIAL = /^v?(\d{1,15}|[xX*])(?:\.(\d{1,15}|[xX*]))?(?:\.(\d{1,15}|[xX*]))?(?:-([0-9A-Za-z.-]+))?$/;
const TERM = /^(>=|<=|>|<|=|\^|~)?(.*)$/s;

/**
 * The version that a tag spells, with or without a `v`; numbers that are left out are 0, as Helm and Flux have it: `3.22`
 * is 3.22.0. Undefined where it spells none.
 */
export function parseSemanticVersion(text: string): SemanticVersion | undefined {
  const match = VERSION.exec(text);
  if (match === null) return undefined;
  const [, major, minor = '0', patch = '0', pre] = match;
  const preRelease = pre === undefined ? [] : pre.split('.');
  if (preRelease.some((part) => part === '')) return undefined;
  return { numbers: [Number(major), Number(minor), Number(patch)], preRelease };
}

/**
 * The range that a text spells: `>=1.2 <2`, `^1.2`, `~1.2.3`, `1.x`, `1.2 - 1.4`, joined by `||`.
 *
 * @returns undefined for another form
 */
export function parseSemverRange(text: string): SemverRange | undefined {
  const range: (readonly Comparator[])[] = [];
  for (const part of text.split('||')) {
    const comparators = parseAll(part);
    if (comparators === undefined) return undefined;
    range.push(comparators);
  }
  return range;
}

/** Whether a version is in a range. A pre-release is only where a bound of the same list names one (as of npm and Helm). */
export function isInRange(version: SemanticVersion, range: SemverRange): boolean {
  return range.some((comparators) => {
    const mayBePre = version.preRelease.length === 0 || comparators.some((each) => each.version.preRelease.length > 0);
    return mayBePre && comparators.every((comparator) => satisfies(version, comparator));
  });
}

function parseAll(text: string): readonly Comparator[] | undefined {
  const words = text
    .replaceAll(',', ' ')
    .split(' ')
    .filter((word) => word !== '');
  if (words.length === 0) return undefined;
  if (words.length === 3 && words[1] === '-') {
    const [from, to] = [parseTerm(`>=${words[0]}`), parseTerm(`<=${words[2]}`)];
    return from === undefined || to === undefined ? undefined : [...from, ...to];
  }
  const found: Comparator[] = [];
  // An operator may stand apart from its version.
  for (let i = 0; i < words.length; i++) {
    const word = /^[<>=^~]+$/.test(words[i] as string) ? `${words[i]}${words[++i] ?? ''}` : (words[i] as string);
    const comparators = parseTerm(word);
    if (comparators === undefined) return undefined;
    found.push(...comparators);
  }
  return found;
}

function parseTerm(text: string): readonly Comparator[] | undefined {
  const [, operator = '=', version = ''] = TERM.exec(text) ?? [];
  const match = PARTIAL.exec(version);
  if (match === null) return undefined;
  const [major, minor, patch] = match.slice(1, 4).map((part) => (/^\d/.test(part ?? '') ? Number(part) : undefined));
  const preRelease = match[4]?.split('.') ?? [];
  // `>=1.2-0` takes in the pre-releases of 1.2.0; what `^1.2-0` would be is for nobody to guess.
  if (preRelease.length > 0 && patch === undefined && operator !== '>=' && operator !== '<') return undefined;
  if (major === undefined) return ['<', '>'].includes(operator) ? undefined : [];
  const low: SemanticVersion = { numbers: [major, minor ?? 0, patch ?? 0], preRelease };
  const next = nextOf(major, minor, patch, operator);
  const isPartial = patch === undefined;
  if (operator === '>=' || operator === '<') return [{ operator, version: low }];
  if (operator === '>') return [isPartial ? { operator: '>=', version: next } : { operator, version: low }];
  if (operator === '<=') return [isPartial ? { operator: '<', version: next } : { operator, version: low }];
  if (operator === '=' && !isPartial) {
    return [
      { operator: '>=', version: low },
      { operator: '<=', version: low },
    ];
  }
  return [
    { operator: '>=', version: low },
    { operator: '<', version: next },
  ];
}

/** The first version that a caret, a tilde or a version with less than three numbers takes in no more. */
function nextOf(
  major: number,
  minor: number | undefined,
  patch: number | undefined,
  operator: string,
): SemanticVersion {
  const version = (...numbers: [number, number, number]): SemanticVersion => ({ numbers, preRelease: [] });
  if (minor === undefined) return version(major + 1, 0, 0);
  if (operator !== '^') return version(major, minor + 1, 0);
  if (major > 0) return version(major + 1, 0, 0);
  if (minor > 0 || patch === undefined) return version(0, minor + 1, 0);
  return version(0, 0, patch + 1);
}

function satisfies(version: SemanticVersion, { operator, version: bound }: Comparator): boolean {
  const order = compareVersions(version, bound);
  if (operator === '<') return order < 0 && !isPreOfBound(version, bound);
  if (operator === '<=') return order <= 0;
  return operator === '>' ? order > 0 : order >= 0;
}

/** `<2` does not take in `2.0.0-rc.1`, which sorts before it. */
function isPreOfBound(version: SemanticVersion, bound: SemanticVersion): boolean {
  if (version.preRelease.length === 0 || bound.preRelease.length > 0) return false;
  return version.numbers.every((number, i) => number === bound.numbers[i]);
}

/** The order of versions (semver.org 2.0.0 §11): negative where `a` is the lower one. */
export function compareVersions(a: SemanticVersion, b: SemanticVersion): number {
  for (const i of [0, 1, 2] as const) if (a.numbers[i] !== b.numbers[i]) return a.numbers[i] - b.numbers[i];
  if (a.preRelease.length === 0 || b.preRelease.length === 0) return b.preRelease.length - a.preRelease.length;
  for (let i = 0; i < Math.max(a.preRelease.length, b.preRelease.length); i++) {
    const order = compareParts(a.preRelease[i], b.preRelease[i]);
    if (order !== 0) return order;
  }
  return 0;
}

function compareParts(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
  const [isNumber, isOther] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isNumber && isOther) return a.length === b.length ? (a < b ? -1 : 1) : a.length - b.length;
  if (isNumber !== isOther) return isNumber ? -1 : 1;
  return a < b ? -1 : 1;
}
