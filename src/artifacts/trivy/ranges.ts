import type { NearestBounds, Spelled, VersionGrammar } from '#versions';
import type { Item } from './json.ts';
import { type Comparison, isInRange, type VersionRange } from './version-range.ts';

/** What a range of OSV's comes to. */
export interface Ranges {
  readonly vulnerable: readonly VersionRange[];
  /** The versions that fix, in the order in which the record names them. */
  readonly fixes: readonly Spelled<unknown>[];
}

/** A bound of a record. */
export interface Bound {
  /** Orders it among others. */
  readonly near: Spelled<unknown>;
  /** What to write, where trivy could not parse the bound itself. */
  readonly nearest?: NearestBounds<unknown> | undefined;
}

/** Reads the bound at `/index/name` among the events, or throws. */
export type ReadBound = (text: string, index: number, name: string) => Bound;

type Kind = 'introduced' | 'fixed' | 'last_affected';

interface Event extends Bound {
  readonly kind: Kind;
  /** `introduced: "0"`: before every version. */
  readonly isStart: boolean;
  /** Its place among the events that count. */
  readonly index: number;
}

const KINDS: readonly Kind[] = ['fixed', 'introduced', 'last_affected'];

/**
 * The ranges that the events of a range of type SEMVER or ECOSYSTEM mean, by the evaluation algorithm of the OSV schema
 * ("Evaluation"): events count by version, in whatever order they are listed, and for the versions below a limit, if
 * there are limits. Two events at one version: an end comes before a beginning if a range is under way, else after it.
 */
export function readRanges(items: readonly Item[], grammar: VersionGrammar, read: ReadBound): Ranges {
  const events: Event[] = [];
  const fixes: Spelled<unknown>[] = [];
  for (const item of items) {
    for (const kind of KINDS) {
      const event = readEvent(item, kind, events.length, read);
      if (event === undefined) continue;
      events.push(event);
      const fix = event.nearest === undefined ? event.near : event.nearest.exact;
      if (kind === 'fixed' && fix !== undefined) fixes.push(fix);
    }
  }
  const ranges = rangesOf(inOrder(events, grammar), grammar);
  const limit = readLimit(items, grammar, read);
  if (limit === undefined) return { vulnerable: ranges, fixes };
  return {
    vulnerable: ranges.map((range) => cutAt(range, limit, grammar)).filter((range) => range !== undefined),
    fixes,
  };
}

/** A range without an end, ended at what a database knows as the last affected version. */
export function endRange(range: VersionRange, end: Comparison, grammar: VersionGrammar): VersionRange {
  const [start, ...rest] = range;
  if (rest.length > 0 || (start !== undefined && start.operator !== '>=')) return range;
  // An end below the start is a slip, and must not empty the range.
  if (start !== undefined && grammar.compare(start.bound.version, end.bound.version) > 0) return range;
  return [...range, end];
}

function readEvent({ item, index }: Item, kind: Kind, place: number, read: ReadBound): Event | undefined {
  const text = item[kind];
  if (typeof text !== 'string') return undefined;
  const { near, nearest } = read(text, index, kind);
  return { kind, near, nearest, isStart: kind === 'introduced' && text === '0', index: place };
}

/** The highest limit: a version counts if it is below any. Undefined where there is none, or one is infinite. */
function readLimit(items: readonly Item[], grammar: VersionGrammar, read: ReadBound): Comparison | undefined {
  let highest: Comparison | undefined;
  for (const { item, index } of items) {
    const text = item['limit'];
    if (typeof text !== 'string') continue;
    if (text === '*') return undefined;
    const { near, nearest } = read(text, index, 'limit');
    const limit: Comparison = nearest?.to ?? { operator: '<', bound: near };
    const order = highest === undefined ? 1 : grammar.compare(limit.bound.version, highest.bound.version);
    if (order > 0 || (order === 0 && limit.operator === '<=')) highest = limit;
  }
  return highest;
}

/** What of a range lies below a limit. */
function cutAt(range: VersionRange, limit: Comparison, grammar: VersionGrammar): VersionRange | undefined {
  const [first] = range;
  if (first?.operator === '=') return isInRange(grammar, [limit], first.bound.version) ? range : undefined;
  const start = first?.operator === '>=' ? first : undefined;
  if (start !== undefined && !isInRange(grammar, [limit], start.bound.version)) return undefined;
  const end = start === undefined ? first : range[1];
  if (end !== undefined) {
    const order = grammar.compare(end.bound.version, limit.bound.version);
    if (order < 0 || (order === 0 && end.operator === '<')) return range;
  }
  return start === undefined ? [limit] : [start, limit];
}

/** The ranges of events in order, each where its beginning stands in the record. */
function rangesOf(events: readonly Event[], grammar: VersionGrammar): VersionRange[] {
  const found: { readonly index: number; readonly range: VersionRange }[] = [];
  let start: Event | undefined;
  for (let i = 0; i < events.length; ) {
    let next = i + 1;
    while (next < events.length && compareEvents(events[i] as Event, events[next] as Event, grammar) === 0) next++;
    const atOneVersion =
      next === i + 1 ? events.slice(i, next) : alternating(events.slice(i, next), start !== undefined);
    for (const event of atOneVersion) {
      if (event.kind === 'introduced') {
        start ??= event;
      } else if (start !== undefined) {
        found.push({ index: start.index, range: closedRange(start, event) });
        start = undefined;
      }
    }
    i = next;
  }
  if (start !== undefined) found.push({ index: start.index, range: openRange(start) });
  return found.sort((a, b) => a.index - b.index).map(({ range }) => range);
}

/** Ends and beginnings at one version in turn, as far as there are both. */
function alternating(events: readonly Event[], isUnderWay: boolean): Event[] {
  const beginnings = events.filter(({ kind }) => kind === 'introduced');
  const ends = events.filter(({ kind }) => kind !== 'introduced').sort((a, b) => compareKinds(a, b));
  const [first, second] = isUnderWay ? [ends, beginnings] : [beginnings, ends];
  const length = Math.max(first.length, second.length);
  return Array.from({ length }, (_, i) => [first[i], second[i]])
    .flat()
    .filter((event) => event !== undefined);
}

function compareKinds(a: Event, b: Event): number {
  return KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind);
}

function openRange(start: Event): VersionRange {
  return start.isStart ? [] : [{ operator: '>=', bound: start.nearest?.from ?? start.near }];
}

function closedRange(start: Event, end: Event): VersionRange {
  if (end.nearest !== undefined) {
    const { to, exact } = end.nearest;
    const isOut = end.kind === 'fixed' && exact !== undefined;
    return [...openRange(start), to, ...(isOut ? [{ operator: '!=' as const, bound: exact }] : [])];
  }
  const isLast = end.kind === 'last_affected';
  const isOne = isLast && !start.isStart && start.nearest === undefined && start.near.text === end.near.text;
  if (isOne) return [{ operator: '=', bound: end.near }];
  return [...openRange(start), { operator: isLast ? '<=' : '<', bound: end.near }];
}

/** By version; as they are listed where that is the order already, as it nearly always is. */
function inOrder(events: readonly Event[], grammar: VersionGrammar): readonly Event[] {
  const compare = (a: Event, b: Event): number => compareEvents(a, b, grammar);
  for (let i = 1; i < events.length; i++) {
    if (compare(events[i - 1] as Event, events[i] as Event) > 0) return events.toSorted(compare);
  }
  return events;
}

function compareEvents(a: Event, b: Event, grammar: VersionGrammar): number {
  const { version: one } = a.near;
  const { version: other } = b.near;
  const order = grammar.compareBounds?.(one, other) ?? grammar.compare(one, other);
  return Number(b.isStart) - Number(a.isStart) || order;
}
