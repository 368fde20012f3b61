import type { JsonObject } from '#core';
import type { Spelled, VersionGrammar } from '#versions';
import type { OsTraits } from '../os-ecosystems.ts';
import { objectOf, objectsOf, textOf } from './json.ts';
import type { TrivyDbLoss } from './losses.ts';
import { severityNames } from './severity.ts';
import type { VersionRange } from './version-range.ts';

/** What trivy reads of the versions of a package of an operating system: no ranges, but one version that fixes. */
export interface OsVersions {
  /** Affected from this version on; from every one where it is absent. */
  readonly introduced?: string | undefined;
  /** Affected below this version; every one, without a fix, where it is absent. */
  readonly fixed?: string | undefined;
}

/** What ranges come to, and what of them is lost. */
export interface OsProjection {
  /** Undefined where trivy could find nothing by it. */
  readonly versions: OsVersions | undefined;
  readonly losses: readonly TrivyDbLoss[];
}

/** Versions from one on, up to another; a bound that is absent limits nothing. */
interface Interval {
  readonly from?: Spelled<unknown> | undefined;
  readonly to?: Spelled<unknown> | undefined;
  /** The end is affected: it fixes nothing. */
  readonly isEndIn: boolean;
}

type Driver = Pick<OsTraits, 'reportsUnfixed' | 'readsIntroduced'>;

/**
 * The one statement that trivy's driver of an operating system reads, for ranges of which it reads none: whatever they
 * take in is reported, and more where the driver can say no better.
 */
export function projectRanges(ranges: readonly VersionRange[], grammar: VersionGrammar, driver: Driver): OsProjection {
  const intervals = inOrder(ranges.map(intervalOf), grammar);
  const fix = highestFix(intervals, grammar);
  const isFixed = ({ to, isEndIn }: Interval): boolean =>
    to !== undefined && fix !== undefined && (!isEndIn || grammar.compare(to.version, fix.version) < 0);
  const isUnfixed = !intervals.every(isFixed);
  if (isUnfixed && !driver.reportsUnfixed) {
    const left: readonly TrivyDbLoss[] = ['unfixedNotCarried'];
    if (fix === undefined) return { versions: undefined, losses: left };
    const { versions, isWidened } = cover(intervals.filter(isFixed), fix, grammar, driver);
    return { versions, losses: isWidened ? [...left, WIDENED] : left };
  }
  const { versions, isWidened } = cover(intervals, isUnfixed ? undefined : fix, grammar, driver);
  return { versions, losses: isWidened ? [WIDENED] : [] };
}

const WIDENED: TrivyDbLoss = 'rangesWidened';

/** What several rows say of one package and id; those without a fix win, as they report more. */
export function uniteOsVersions(
  rows: readonly OsVersions[],
  grammar: VersionGrammar,
): { readonly versions: OsVersions; readonly isWidened: boolean } {
  const read = (text: string | undefined): Spelled<unknown> | undefined => (text ? grammar.bound(text) : undefined);
  const intervals = rows.map(({ introduced, fixed }): Interval => {
    return { from: read(introduced), to: read(fixed), isEndIn: false };
  });
  const isUnfixed = intervals.some(({ to }) => to === undefined);
  const fix = isUnfixed ? undefined : highestFix(intervals, grammar);
  return cover(inOrder(intervals, grammar), fix, grammar, { readsIntroduced: true });
}

/** Tells of versions whether trivy reports them by a row. */
export function coverageOf(grammar: VersionGrammar, { introduced, fixed }: OsVersions): (version: unknown) => boolean {
  const [from, to] = [introduced, fixed].map((text) => (text === undefined ? undefined : grammar.bound(text)));
  return (version) =>
    (from === undefined || grammar.compare(version, from.version) >= 0) &&
    (to === undefined || grammar.compare(version, to.version) < 0);
}

/** The row that takes in all of some intervals, which are in order. */
function cover(
  intervals: readonly Interval[],
  fix: Spelled<unknown> | undefined,
  grammar: VersionGrammar,
  { readsIntroduced }: Pick<Driver, 'readsIntroduced'>,
): { readonly versions: OsVersions; readonly isWidened: boolean } {
  const start = intervals[0]?.from;
  const versions = { introduced: readsIntroduced ? start?.text : undefined, fixed: fix?.text };
  const isEarlier = start !== undefined && !readsIntroduced;
  const isLonger = fix === undefined && intervals.every(({ to }) => to !== undefined);
  return { versions, isWidened: isEarlier || isLonger || hasGap(intervals, grammar) };
}

/** Whether a version between two intervals is in none. */
function hasGap(intervals: readonly Interval[], grammar: VersionGrammar): boolean {
  let reach = intervals[0]?.to;
  for (const { from, to } of intervals) {
    if (reach === undefined) return false;
    if (from !== undefined && grammar.compare(from.version, reach.version) > 0) return true;
    if (to === undefined || grammar.compare(to.version, reach.version) > 0) reach = to;
  }
  return false;
}

function highestFix(intervals: readonly Interval[], grammar: VersionGrammar): Spelled<unknown> | undefined {
  let highest: Spelled<unknown> | undefined;
  for (const { to, isEndIn } of intervals) {
    if (to === undefined || isEndIn) continue;
    if (highest === undefined || grammar.compare(to.version, highest.version) > 0) highest = to;
  }
  return highest;
}

function inOrder(intervals: readonly Interval[], grammar: VersionGrammar): readonly Interval[] {
  if (intervals.length < 2) return intervals;
  return intervals.toSorted(({ from: a }, { from: b }) => {
    if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
    return grammar.compare(a.version, b.version);
  });
}

function intervalOf(range: VersionRange): Interval {
  const [first] = range;
  if (first?.operator === '=') return { from: first.bound, to: first.bound, isEndIn: true };
  const from = range.find(({ operator }) => operator === '>=')?.bound;
  const end = range.find(({ operator }) => operator === '<' || operator === '<=');
  return { from, to: end?.bound, isEndIn: end?.operator === '<=' };
}

/**
 * The keys of a package of an operating system. Trivy looks a package of a module up behind the module's name and
 * stream, which only the title of an erratum says: "Important: nodejs:20 security update".
 *
 * @param fixes the fixed versions of the package, by whose release a package of a module can be told
 * @returns none where it is a package of a module that the title does not name
 */
export function osKeys(
  os: OsTraits,
  name: string,
  fixes: readonly Spelled<unknown>[],
  title: string,
): readonly string[] {
  if (!os.isModular || !fixes.some(({ text }) => text.includes(MODULE))) return [name];
  const streams = title.split(' ', MAX_WORDS).filter((word) => STREAM.test(word));
  return [...new Set(streams)].map((stream) => `${stream}::${name}`);
}

const MODULE = '.module';
const STREAM = /^[A-Za-z0-9][\w.+-]{0,63}:[A-Za-z0-9][\w.+-]{0,63}$/;
const MAX_WORDS = 16;

/**
 * The installed packages that an entry names, and their versions. Records of SUSE are about source packages:
 * `binaries` of `ecosystem_specific` is a list of objects of name and fixed version.
 */
export function binariesOf(os: OsTraits, entry: JsonObject): readonly (readonly [name: string, version: string])[] {
  if (!os.isByBinary) return [];
  return objectsOf(objectOf(entry, 'ecosystem_specific'), 'binaries').flatMap(({ item }) =>
    Object.entries(item).flatMap(([name, version]) => (typeof version === 'string' ? [[name, version] as const] : [])),
  );
}

/** Whether a record names source packages where trivy looks up installed ones: those of Rocky Linux do. */
export function namesSourcesOnly(os: OsTraits, id: string): boolean {
  return os.isByBinary && ROCKY.test(id);
}

const ROCKY = /^R[LX]SA-/;

/** The severity of a row of Debian's by its urgency, as trivy-db takes it; 0 where it has none. */
export function urgencyOf(os: OsTraits, entry: JsonObject): number {
  if (!os.readsUrgency) return 0;
  const names: readonly string[] = severityNames;
  const word = textOf(objectOf(entry, 'ecosystem_specific'), 'urgency')
    .replace(/\*{1,2}$/, '')
    .toUpperCase();
  return word === 'UNIMPORTANT' ? 1 : Math.max(names.indexOf(word), 0);
}
