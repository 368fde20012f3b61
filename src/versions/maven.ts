import {
  MAX_VERSION_LENGTH,
  type NearestBounds,
  type Spelled,
  trimVersion,
  type VersionGrammar,
  type VersionNumber,
} from './grammar.ts';
import { nearestBounds } from './nearest.ts';

/** A number, a qualifier, or the list that a hyphen or a change between digits and letters opens. */
type MavenItem = VersionNumber | string | MavenVersion;

/** Items of a version from left to right. */
export interface MavenVersion {
  readonly items: readonly MavenItem[];
}

/** What may stand in a constraint. Installed versions may be anything, but only these can be named. */
const FORM = /^[0-9A-Za-z\-~_.+]+$/;

/** Qualifiers that Maven knows, in their order; the empty one is the release itself. Others come after, by name. */
const QUALIFIERS = ['alpha', 'beta', 'milestone', 'rc', 'snapshot', '', 'sp'];
const RELEASE = '5';
const ALIASES: Readonly<Record<string, string>> = { ga: '', final: '', release: '', cr: 'rc' };
/** These stand for more only where a digit follows. */
const LETTERS: Readonly<Record<string, string>> = { a: 'alpha', b: 'beta', m: 'milestone' };
const MAX_INT64 = 2n ** 63n - 1n;

/** Maven: masahiro331/go-mvn-version as trivy 0.74 pins it, which follows Maven's ComparableVersion. */
export const mavenGrammar: VersionGrammar<MavenVersion> = {
  bound: (text) => parse(trimVersion(text)),
  nearest,
  installed: parse,
  compare: compareLists,
};

function parse(text: string): Spelled<MavenVersion> | undefined {
  if (text.length > MAX_VERSION_LENGTH || !FORM.test(text)) return undefined;
  return { text, version: parseItems(text.toLowerCase()) };
}

/** A qualifier after a dot comes before the same one after a hyphen, and `alpha` before all others. */
function nearest(text: string): NearestBounds<MavenVersion> | undefined {
  return nearestBounds(trimVersion(text), {
    prefix: /^/,
    maxNumbers: Number.POSITIVE_INFINITY,
    isLimited: false,
    least: '.alpha',
    hasPreReleases: false,
    bound: parse,
  });
}

/** Cuts a version into items; each hyphen, and each change between digits and letters, opens a list in the list. */
function parseItems(text: string): MavenVersion {
  const lists: MavenItem[][] = [[]];
  const append = (item: MavenItem) => lists.at(-1)?.push(item);
  let [start, inDigits] = [0, false];
  const cut = (end: number) => append(itemOf(text.slice(start, end), inDigits));
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string;
    if (char === '.' || char === '-') {
      if (i === start) append(0);
      else cut(i);
      start = i + 1;
      if (char === '-') lists.push([]);
      continue;
    }
    const isDigit = char >= '0' && char <= '9';
    if (isDigit !== inDigits && i > start) {
      if (isDigit) append(qualifier(text.slice(start, i), true));
      else cut(i);
      start = i;
      lists.push([]);
    }
    inDigits = isDigit;
  }
  // After a dot or hyphen at the end the library forgets the last list, unless it is the only one.
  if (text.length > start) cut(text.length);
  else if (lists.length > 1) lists.pop();
  return nest(lists);
}

/** Puts each list into the one before it, innermost first, without the zeros and releases at its end. */
function nest(lists: readonly MavenItem[][]): MavenVersion {
  let inner: MavenVersion | undefined;
  for (const items of lists.toReversed()) {
    const trimmed = trimNulls(items);
    if (inner !== undefined) trimmed.push(inner);
    inner = { items: trimmed };
  }
  return inner as MavenVersion;
}

function trimNulls(items: readonly MavenItem[]): MavenItem[] {
  let end = items.length;
  while (end > 0 && (items[end - 1] === 0 || items[end - 1] === '')) end--;
  return items.slice(0, end);
}

function itemOf(text: string, isNumber: boolean): MavenItem {
  if (!isNumber) return qualifier(text, false);
  if (text.length <= 15) return Number(text);
  const value = BigInt(text);
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  return value > MAX_INT64 ? MAX_INT64 : value;
}

function qualifier(text: string, beforeDigit: boolean): string {
  const whole = beforeDigit ? (LETTERS[text] ?? text) : text;
  return ALIASES[whole] ?? whole;
}

function compareLists(a: MavenVersion, b: MavenVersion): number {
  for (let i = 0; i < Math.max(a.items.length, b.items.length); i++) {
    const [x, y] = [a.items[i], b.items[i]];
    const order = x === undefined ? -compareItems(y as MavenItem, x) : compareItems(x, y);
    if (order !== 0) return order;
  }
  return 0;
}

/** A list comes before a number and after a qualifier; what is missing counts as zero or as the release. */
function compareItems(a: MavenItem, b: MavenItem | undefined): number {
  if (typeof a === 'string') return compareQualifier(a, b);
  if (typeof a === 'object') return compareList(a, b);
  if (b === undefined) return a > 0 ? 1 : 0;
  if (typeof b === 'string' || typeof b === 'object') return 1;
  return a === b ? 0 : a < b ? -1 : 1;
}

function compareQualifier(a: string, b: MavenItem | undefined): number {
  if (b === undefined) return compareWords(rankOf(a), RELEASE);
  return typeof b === 'string' ? compareWords(rankOf(a), rankOf(b)) : -1;
}

function compareList(a: MavenVersion, b: MavenItem | undefined): number {
  if (b === undefined) return a.items.map((item) => compareItems(item, undefined)).find((order) => order !== 0) ?? 0;
  if (typeof b === 'object') return compareLists(a, b);
  return typeof b === 'string' ? 1 : -1;
}

function rankOf(word: string): string {
  const rank = QUALIFIERS.indexOf(word);
  return rank < 0 ? `${QUALIFIERS.length}-${word}` : String(rank);
}

function compareWords(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
