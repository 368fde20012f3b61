import { type CharSet, JS } from 'refa';

type Expression = ReturnType<JS.Parser['parse']>['expression'];
type Alternative = Expression['alternatives'][number];
type Element = Alternative['elements'][number];

/** Copies that stand for a repeat with a larger count: more would be ambiguous in the same places. */
const MAX_COPIES = 4;

/** What part of a pattern can begin and end with, as positions of an Automaton. */
interface Part {
  readonly canBeEmpty: boolean;
  readonly first: readonly number[];
  readonly last: readonly number[];
}

/**
 * Whether one text can pass through a loop of a pattern in several ways, as with `(?:x|xx)*`: a search that fails then
 * tries all of them, whose number doubles with every round. Assertions count as always true, and patterns with
 * backreferences are not judged.
 */
export function hasAmbiguousLoop(source: string, flags: string): boolean {
  const parser = JS.Parser.fromLiteral({ source, flags });
  const { expression } = parser.parse({ assertions: 'ignore', backreferences: 'disable' });
  const automaton = new Automaton(expression);
  return automaton.follow.some((_, position) => automaton.isAmbiguousAt(position));
}

/** Positions of a pattern, one for each character class in it, and which can follow which (Glushkov's construction). */
class Automaton {
  readonly follow: Set<number>[] = [];
  readonly #characters: CharSet[] = [];

  constructor({ alternatives }: Expression) {
    this.#oneOf(alternatives);
  }

  /** Whether two different ways lead from a position back to it over the same text. */
  isAmbiguousAt(position: number): boolean {
    const home = this.#key(position, position);
    const before = new Map<number, number[]>([[home, []]]);
    const open = [home];
    for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
      for (const next of this.#pairsAfter(pair)) {
        const known = before.get(next);
        if (known === undefined) open.push(next);
        before.set(next, [...(known ?? []), pair]);
      }
    }
    const returning = new Set([home]);
    for (const pair of returning) for (const each of before.get(pair) ?? []) returning.add(each);
    return [...returning].some((pair) => Math.floor(pair / this.follow.length) !== pair % this.follow.length);
  }

  #key(a: number, b: number): number {
    return a * this.follow.length + b;
  }

  #pairsAfter(pair: number): number[] {
    const [a, b] = [Math.floor(pair / this.follow.length), pair % this.follow.length];
    const pairs: number[] = [];
    for (const x of this.follow[a] ?? []) {
      for (const y of this.follow[b] ?? []) {
        if (!this.#characters[x]?.isDisjointWith(this.#characters[y] as CharSet)) pairs.push(this.#key(x, y));
      }
    }
    return pairs;
  }

  #oneOf(alternatives: readonly Alternative[]): Part {
    const parts = alternatives.map(({ elements }) => this.#sequence(elements.map((element) => this.#element(element))));
    return {
      canBeEmpty: parts.some(({ canBeEmpty }) => canBeEmpty),
      first: parts.flatMap(({ first }) => first),
      last: parts.flatMap(({ last }) => last),
    };
  }

  #element(element: Element): Part {
    if (element.type === 'CharacterClass') {
      const position = this.#characters.push(element.characters) - 1;
      this.follow.push(new Set());
      return { canBeEmpty: false, first: [position], last: [position] };
    }
    if (element.type === 'Alternation') return this.#oneOf(element.alternatives);
    if (element.type !== 'Quantifier') return { canBeEmpty: true, first: [], last: [] };
    const { alternatives, min, max } = element;
    const copies = max === Number.POSITIVE_INFINITY ? Math.max(min, 1) : max;
    const parts: Part[] = [];
    for (let i = 0; i < Math.min(copies, MAX_COPIES); i++) {
      const part = this.#oneOf(alternatives);
      parts.push({ ...part, canBeEmpty: part.canBeEmpty || i >= min });
    }
    const endless = parts.at(-1);
    if (max === Number.POSITIVE_INFINITY && endless !== undefined) this.#link(endless.last, endless.first);
    return this.#sequence(parts);
  }

  #sequence(parts: readonly Part[]): Part {
    let whole: Part = { canBeEmpty: true, first: [], last: [] };
    for (const part of parts) {
      this.#link(whole.last, part.first);
      whole = {
        canBeEmpty: whole.canBeEmpty && part.canBeEmpty,
        first: whole.canBeEmpty ? [...whole.first, ...part.first] : whole.first,
        last: part.canBeEmpty ? [...whole.last, ...part.last] : part.last,
      };
    }
    return whole;
  }

  #link(from: readonly number[], to: readonly number[]): void {
    for (const position of from) for (const next of to) this.follow[position]?.add(next);
  }
}
