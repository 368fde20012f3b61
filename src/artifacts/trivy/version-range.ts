import type { Spelled, VersionGrammar } from '#versions';

type Operator = '=' | '!=' | '<' | '<=' | '>=';

/** One condition of a range. */
export interface Comparison {
  readonly operator: Operator;
  readonly bound: Spelled<unknown>;
}

/** Conditions that hold together, the lower bound first; every version where there are none. */
export type VersionRange = readonly Comparison[];

/** `introduced: "0"` without an end: one of the two takes in whatever sorts before 0, such as `0.0.0-alpha`. */
const EVERY_VERSION: readonly string[] = ['>=0', '<=0'];

/**
 * A range as trivy reads it, in as many constraints as it takes. Where an advisory has no fixed versions, trivy shows
 * what follows each `<` that begins the constraint or comes after a comma: a bound that fixes nothing is therefore
 * written after a space, and after another condition.
 *
 * @param fixes the fixed versions of the advisory
 */
export function spellRange(range: VersionRange, fixes: ReadonlySet<string>): readonly string[] {
  const last = range.at(-1);
  if (last === undefined) return EVERY_VERSION;
  if (range.length === 1 && last.operator !== '<') return [last.operator + last.bound.text];
  const texts = range.map(({ operator, bound }) => operator + bound.text);
  if (last.operator !== '<' || fixes.has(last.bound.text)) return [texts.join(', ')];
  return [texts.length > 1 ? texts.join(' ') : `<=${last.bound.text} ${texts[0]}`];
}

/** Reads a constraint that `spellRange` has written, or `=` and a listed version. */
export function parseRange(constraint: string, grammar: VersionGrammar): VersionRange {
  return constraint.split(' ').map((part) => {
    const text = part.endsWith(',') ? part.slice(0, -1) : part;
    const operator = OPERATORS.find((each) => text.startsWith(each));
    const version = text.slice(operator?.length);
    const read = grammar.bound(version) ?? grammar.installed(version);
    if (operator === undefined || read === undefined) throw new TypeError(`not an encoded constraint: ${constraint}`);
    return { operator, bound: { text: version, version: read.version } };
  });
}

const OPERATORS: readonly Operator[] = ['<=', '>=', '!=', '<', '='];

/**
 * Whether trivy finds an installed version in one of the ranges; false where it depends on the release of trivy, or on
 * a label of the version. Allocates nothing: some records list thousands.
 */
export function isSurelyInAnyRange(
  grammar: VersionGrammar,
  ranges: readonly VersionRange[],
  version: unknown,
): boolean {
  for (let i = 0; i < ranges.length; i++) {
    if (isInRange(grammar, ranges[i] as VersionRange, version, true)) return true;
  }
  return false;
}

/** Whether a version lies in a range. @param surely by trivy, whatever its release */
export function isInRange(grammar: VersionGrammar, range: VersionRange, version: unknown, surely = false): boolean {
  for (let i = 0; i < range.length; i++) {
    if (!holds(grammar, range[i] as Comparison, version, surely)) return false;
  }
  return true;
}

function holds(grammar: VersionGrammar, { operator, bound }: Comparison, version: unknown, surely: boolean): boolean {
  if (operator === '=') return isEqual(grammar, version, bound.version);
  if (operator === '!=') return !isEqual(grammar, version, bound.version);
  if (surely && operator === '<' && grammar.isBelow !== undefined) return grammar.isBelow(version, bound.version);
  const order = grammar.compare(version, bound.version);
  return operator === '<' ? order < 0 : operator === '<=' ? order <= 0 : order >= 0;
}

/** Whether trivy finds an installed version equal to one in a constraint. */
export function isEqual(grammar: VersionGrammar, version: unknown, constraint: unknown): boolean {
  if (grammar.isEqual !== undefined) return grammar.isEqual(version, constraint);
  return grammar.compare(version, constraint) === 0;
}
