import { JS } from 'refa';

type Alternatives = ReturnType<JS.Parser['parse']>['expression']['alternatives'];
type Element = Alternatives[number]['elements'][number];
type Quantifier = Extract<Element, { readonly type: 'Quantifier' }>;

/** The last character of one UTF-16 unit. */
const MAX_UNIT = 0xffff;

/**
 * Whether a pattern has a loop without limit over more than one UTF-16 unit a round, such as `(?:ab|c)*` or, with the
 * flag u, `[^x]*`, or one that counts its first rounds, such as `a{64,}`. V8 keeps a place on a stack of 64 MiB for each round of those, so a text of some million characters
 * ends in a RangeError, "Maximum call stack size exceeded". A loop over one class of single units costs next to
 * nothing a round.
 */
export function hasStackedLoop(source: string, flags: string): boolean {
  const parser = JS.Parser.fromLiteral({ source, flags });
  const { expression } = parser.parse({ assertions: 'parse', backreferences: 'disable' });
  return isStacked(expression.alternatives);
}

function isStacked(alternatives: Alternatives): boolean {
  return alternatives.some(({ elements }) => {
    return elements.some((element) => {
      if (element.type === 'Quantifier' && element.max === Number.POSITIVE_INFINITY && !isOneUnit(element)) return true;
      return 'alternatives' in element && isStacked(element.alternatives);
    });
  });
}

/** Whether a round takes one unit, and the first rounds are not counted either. */
function isOneUnit({ alternatives, min }: Quantifier): boolean {
  const [only, ...others] = alternatives.flatMap(({ elements }) => elements);
  if (min > 1 || alternatives.length > 1 || others.length > 0 || only?.type !== 'CharacterClass') return false;
  return only.characters.ranges.every(({ max }) => max <= MAX_UNIT);
}
