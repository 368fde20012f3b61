/** A number of a version: exact whatever its size, and comparable across both types with `<`. */
export type VersionNumber = number | bigint;

/** A version that a client of trivy's understands, with the spelling that it takes. */
export interface Spelled<V> {
  readonly text: string;
  readonly version: V;
}

/** The nearest bounds that trivy can parse, for a text that it could not parse as a bound. */
export interface NearestBounds<V> {
  /** Where the text stands among other bounds. */
  readonly near: Spelled<V>;
  /** For a range that begins with the text: no version that may be in the range lies below. */
  readonly from: Spelled<V>;
  /** For a range that ends with the text, itself in or not: no version that may be in the range lies beyond. */
  readonly to: { readonly operator: '<' | '<='; readonly bound: Spelled<V> };
  /** The text itself, where trivy parses it after `=` and `!=`. */
  readonly exact?: Spelled<V> | undefined;
}

/**
 * How trivy 0.74 reads the versions and constraints of one ecosystem. Trivy drops a whole advisory when one of its
 * constraints cannot be parsed, so nothing is written that has not passed through here.
 */
export interface VersionGrammar<V = unknown> {
  /** A version that may follow `<`, `<=`, `>=` or stand alone; undefined where trivy could not parse it there. */
  bound(text: string): Spelled<V> | undefined;
  /** What to write for a text that is no bound; undefined where it does not begin with a version's numbers. */
  nearest(text: string): NearestBounds<V> | undefined;
  /**
   * A version that may be installed and may follow `=`; undefined where trivy could not parse it as either, so that
   * listing it would find nothing.
   */
  installed(text: string): Spelled<V> | undefined;
  /** Less than, equal to or greater than 0, as trivy orders the two. */
  compare(a: V, b: V): number;
  /**
   * The order of bounds within a range, where records have another one than trivy: bounds that count as one version stay
   * as the record lists them.
   */
  compareBounds?(a: V, b: V): number;
  /** Whether `<bound` surely takes in the version, where that is not simply the order. */
  isBelow?(version: V, bound: V): boolean;
  /** Whether `=constraint` takes in the version, where that is not simply the order. */
  isEqual?(version: V, constraint: V): boolean;
}

/** Longer texts are no versions: each grammar looks at the length first. */
export const MAX_VERSION_LENGTH = 256;

/** A text without the white space around it, which nobody means; empty where it is too long for a version. */
export function trimVersion(text: string): string {
  return text.length > MAX_VERSION_LENGTH ? '' : text.trim();
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

/** Removes zeros at the end, which do not count where versions are compared. */
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
