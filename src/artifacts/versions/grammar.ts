/** A number of a version: exact whatever its size, and comparable across both types with `<`. */
export type VersionNumber = number | bigint;

/** A version that a client of trivy's understands, with the spelling that it takes. */
export interface Spelled<V> {
  readonly text: string;
  readonly version: V;
}

/**
 * How trivy 0.74 reads the versions and constraints of one ecosystem. Trivy drops a whole advisory when one of its
 * constraints cannot be parsed, so nothing is written that has not passed through here.
 */
export interface VersionGrammar<V = unknown> {
  /** A version that may follow `<`, `<=`, `>=` or stand alone; undefined where trivy could not parse it there. */
  bound(text: string): Spelled<V> | undefined;
  /**
   * A version that may be installed and may follow `=`; undefined where trivy could not parse it as either, so that
   * listing it would find nothing.
   */
  installed(text: string): Spelled<V> | undefined;
  /** Less than, equal to or greater than 0, as trivy orders the two. */
  compare(a: V, b: V): number;
  /** Whether `<bound` takes in the version, where that is not simply the order. */
  isBelow?(version: V, bound: V): boolean;
}

const MAX_UINT64 = 2n ** 64n - 1n;

/** The number that digits spell; undefined beyond 64 bits, which is where trivy's libraries stop. */
export function parseNumber(digits: string): VersionNumber | undefined {
  if (digits.length <= 15) return Number(digits);
  const value = BigInt(digits);
  if (value > MAX_UINT64) return undefined;
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** Numbers that digits with dots between them spell; undefined where one is too large. */
export function parseNumbers(dotted: string): VersionNumber[] | undefined {
  const numbers: VersionNumber[] = [];
  for (const digits of dotted.split('.')) {
    const number = parseNumber(digits);
    if (number === undefined) return undefined;
    numbers.push(number);
  }
  return numbers;
}

/** Takes away zeros at the end, which do not count where versions are compared. */
export function trimZeros(numbers: VersionNumber[]): VersionNumber[] {
  while (numbers.at(-1) === 0) numbers.pop();
  return numbers;
}

/** Compares item by item; where one list is the beginning of the other, the shorter is less. */
export function compareNumbers(a: readonly VersionNumber[], b: readonly VersionNumber[]): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a[i] as VersionNumber, b[i] as VersionNumber];
    if (x !== y) return x < y ? -1 : 1;
  }
  return a.length - b.length;
}

/** A part of a pre-release: a number, or text, which is greater than any number. */
type PreReleasePart = VersionNumber | string;

/** A pre-release by its parts; `any` where a part is a wildcard, which trivy finds equal to everything. */
export type PreRelease = readonly PreReleasePart[] | 'any';

/** The parts of a pre-release; none for a release. */
export function parsePreRelease(text: string): PreRelease {
  if (text === '') return [];
  const parts = text.split('.');
  if (parts.some((part) => part === 'x' || part === 'X' || part === '*')) return 'any';
  return parts.map((part) => (/^[0-9]+$/.test(part) ? (parseNumber(part) ?? part) : part));
}

/** Compares pre-releases of one version: a release is greater than any pre-release. */
export function comparePreReleases(a: PreRelease, b: PreRelease): number {
  if (a === 'any' || b === 'any') return 0;
  if (a.length === 0 || b.length === 0) return b.length - a.length;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const order = compareParts(a[i] as PreReleasePart, b[i] as PreReleasePart);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareParts(a: PreReleasePart, b: PreReleasePart): number {
  if (a === b) return 0;
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : 1;
  if (typeof a === 'string') return 1;
  if (typeof b === 'string') return -1;
  return a < b ? -1 : 1;
}
