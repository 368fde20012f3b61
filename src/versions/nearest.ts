import { type NearestBounds, parseNumber, type Spelled } from './grammar.ts';

/** What the nearest bounds of an ecosystem are made with. */
export interface NearestForm<V> {
  /** What may stand before the numbers. */
  readonly prefix: RegExp;
  /** Versions have at most so many numbers. */
  readonly maxNumbers: number;
  /** Whether numbers above 64 bits are refused. */
  readonly isLimited: boolean;
  /** What follows the numbers of the least version that has them. */
  readonly least: string;
  /** Whether everything after a hyphen comes before the release. */
  readonly hasPreReleases: boolean;
  bound(text: string): Spelled<V> | undefined;
}

/** A version has 256 characters at most. */
const NUMBERS = /^[0-9]+(?:\.[0-9]+){0,127}/;
const MAX_NUMBER = String(2n ** 64n - 1n);

/**
 * The bounds around a text that begins with the numbers of a version and goes on in a way that trivy cannot parse.
 * Whatever the rest means, the text lies between the least version with these numbers and the least with greater ones.
 */
export function nearestBounds<V>(text: string, form: NearestForm<V>): NearestBounds<V> | undefined {
  const before = form.prefix.exec(text)?.[0] ?? '';
  const dotted = NUMBERS.exec(text.slice(before.length))?.[0];
  if (dotted === undefined) return undefined;
  const rest = text.slice(before.length + dotted.length);
  const numbers = dotted.split('.');
  const tooLarge = form.isLimited ? numbers.findIndex((digits) => parseNumber(digits) === undefined) : -1;
  if (tooLarge >= 0 && tooLarge < form.maxNumbers) {
    // No version that trivy can parse lies between the greatest number that there is and this one.
    return only(form, before + [...numbers.slice(0, tooLarge), MAX_NUMBER].join('.'));
  }
  const kept = numbers.slice(0, form.maxNumbers);
  return between(form, before, kept, numbers.length > kept.length ? `.${rest}` : rest);
}

/** A bound that stands for the text in every place. */
export function only<V>(
  { bound }: Pick<NearestForm<V>, 'bound'>,
  spelled: string,
  exact?: Spelled<V>,
): NearestBounds<V> | undefined {
  const near = bound(spelled);
  return near === undefined ? undefined : { near, from: near, to: { operator: '<=', bound: near }, exact };
}

function between<V>(
  form: NearestForm<V>,
  before: string,
  numbers: readonly string[],
  rest: string,
): NearestBounds<V> | undefined {
  const { least, bound } = form;
  const own = before + numbers.join('.');
  const isBeforeRelease = form.hasPreReleases && rest.startsWith('-');
  const from = bound(own + least);
  const near = isBeforeRelease ? from : bound(own);
  const to = isBeforeRelease ? bound(own) : bound(before + following(form, numbers, rest).join('.') + least);
  if (near === undefined || from === undefined || to === undefined) return undefined;
  return { near, from, to: { operator: '<', bound: to } };
}

/** The numbers of the next version: a wildcard stands for all that follows the numbers, anything else for one of them. */
function following<V>({ maxNumbers }: NearestForm<V>, numbers: readonly string[], rest: string): readonly string[] {
  const isWildcard = rest[0] === '.' && (rest[1] === '*' || rest[1] === 'x' || rest[1] === 'X');
  if (!isWildcard && numbers.length < maxNumbers && maxNumbers === Number.POSITIVE_INFINITY) return [...numbers, '1'];
  const next = [...numbers];
  while (!isWildcard && next.length < maxNumbers) next.push('0');
  next.push(String(BigInt(next.pop() ?? '0') + 1n));
  return next;
}
