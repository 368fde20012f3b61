import type { Spelled, VersionGrammar } from '../ecosystems.ts';
import type { Item } from './json.ts';

/** One condition of a range. */
interface Comparison {
  readonly operator: '=' | '<' | '<=' | '>=';
  readonly bound: Spelled<unknown>;
}

/** Conditions that hold together. */
export type VersionRange = readonly Comparison[];

/** A range as trivy reads it; both conditions, where there are two, between a comma and a space. */
export function spellRange(range: VersionRange): string {
  return range.map(({ operator, bound }) => operator + bound.text).join(', ');
}

/** Whether trivy finds an installed version in one of the ranges. Allocates nothing: some records list thousands. */
export function isInAnyRange(grammar: VersionGrammar, ranges: readonly VersionRange[], version: unknown): boolean {
  for (let i = 0; i < ranges.length; i++) if (isInRange(grammar, ranges[i] as VersionRange, version)) return true;
  return false;
}

function isInRange(grammar: VersionGrammar, range: VersionRange, version: unknown): boolean {
  for (let i = 0; i < range.length; i++) {
    const { operator, bound } = range[i] as Comparison;
    if (operator === '<' && grammar.isBelow !== undefined) {
      if (!grammar.isBelow(version, bound.version)) return false;
      continue;
    }
    const order = grammar.compare(version, bound.version);
    const holds =
      operator === '=' ? order === 0 : operator === '<' ? order < 0 : operator === '<=' ? order <= 0 : order >= 0;
    if (!holds) return false;
  }
  return true;
}

/** What a range of OSV's comes to. */
export interface Ranges {
  readonly vulnerable: readonly VersionRange[];
  /** The versions that fix, in the order in which the record names them. */
  readonly patched: readonly string[];
}

/** Reads the bound at `/index/name` among the events, or throws. */
export type ReadBound = (text: string, index: number, name: string) => Spelled<unknown>;

type Kind = 'introduced' | 'fixed' | 'limit' | 'last_affected';

interface Event {
  readonly kind: Kind;
  readonly bound: Spelled<unknown>;
  /** `introduced: "0"`: before every version. */
  readonly isStart: boolean;
}

const KINDS: readonly Kind[] = ['fixed', 'limit', 'introduced', 'last_affected'];

/**
 * The ranges that the events of a range of type SEMVER or ECOSYSTEM mean (OSV schema, "affected[].ranges[].events").
 * Events may stand in any order. `limit` ends a range as `fixed` does, but fixes nothing.
 */
export function readRanges(events: readonly Item[], grammar: VersionGrammar, read: ReadBound): Ranges {
  const found: Event[] = [];
  const patched: string[] = [];
  for (const item of events) {
    const event = readEvent(item, read);
    if (event === undefined) continue;
    found.push(event);
    if (event.kind === 'fixed') patched.push(event.bound.text);
  }
  const vulnerable: VersionRange[] = [];
  let start: Event | undefined;
  for (const event of inOrder(found, grammar)) {
    if (event.kind === 'introduced') {
      start ??= event;
    } else if (start !== undefined) {
      vulnerable.push(closedRange(start, event));
      start = undefined;
    }
  }
  if (start !== undefined) vulnerable.push([{ operator: '>=', bound: start.bound }]);
  return { vulnerable, patched };
}

/** A range without an end, ended at what a database knows as the last affected version. */
export function endRange([start, ...rest]: VersionRange, operator: '<' | '<=', bound: Spelled<unknown>): VersionRange {
  if (start === undefined || start.operator !== '>=' || rest.length > 0) throw new TypeError('the range has an end');
  return [start, { operator, bound }];
}

function readEvent({ item, index }: Item, read: ReadBound): Event | undefined {
  for (let i = 0; i < KINDS.length; i++) {
    const kind = KINDS[i] as Kind;
    const text = item[kind];
    if (typeof text !== 'string' || (kind === 'limit' && text === '*')) continue;
    return { kind, bound: read(text, index, kind), isStart: kind === 'introduced' && text === '0' };
  }
  return undefined;
}

function closedRange({ bound: from, isStart }: Event, { kind, bound: to }: Event): VersionRange {
  if (kind === 'last_affected' && from.text === to.text) return [{ operator: '=', bound: to }];
  const end: Comparison = { operator: kind === 'last_affected' ? '<=' : '<', bound: to };
  return isStart ? [end] : [{ operator: '>=', bound: from }, end];
}

/**
 * The events as they stand, where each range ends before the next one begins and none before it began, as nearly all
 * do; else by version, which is how OSV reads them.
 */
function inOrder(events: readonly Event[], grammar: VersionGrammar): readonly Event[] {
  const compare = (a: Event, b: Event): number =>
    Number(b.isStart) - Number(a.isStart) || grammar.compare(a.bound.version, b.bound.version);
  let isSound = true;
  for (let i = 0; i < events.length && isSound; i++) {
    const event = events[i] as Event;
    const isOpening = event.kind === 'introduced';
    isSound = isOpening === (i % 2 === 0) && (isOpening || compare(events[i - 1] as Event, event) <= 0);
  }
  if (isSound) return events;
  return events.toSorted((a, b) => compare(a, b) || KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind));
}
