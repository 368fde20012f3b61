import {
  compareNumbers,
  type NearestBounds,
  parseNumber,
  parseNumbers,
  type Spelled,
  trimVersion,
  trimZeros,
  type VersionGrammar,
  type VersionNumber,
} from './grammar.ts';
import { nearestBounds, only } from './nearest.ts';

/** A version as numbers that order it (PEP 440, "Summary of permitted suffixes and relative ordering"). */
export interface Pep440Version {
  readonly epoch: VersionNumber;
  /** Without zeros at the end. */
  readonly release: readonly VersionNumber[];
  /** Kind and number of the pre-release, number of the post-release, number of the development release. */
  readonly suffix: readonly VersionNumber[];
  readonly isPreRelease: boolean;
  /** The local label, as it is compared; empty without one. */
  readonly local: string;
}

const VERSION =
  'v?(?:([0-9]+)!)?([0-9]+(?:\\.[0-9]+){0,127})' +
  '(?:[-_.]?(a|b|c|rc|alpha|beta|pre|preview)[-_.]?([0-9]+)?)?' +
  '(?:-([0-9]+)|[-_.]?(post|rev|r)[-_.]?([0-9]+)?)?' +
  '(?:[-_.]?(dev)[-_.]?([0-9]+)?)?' +
  '(?:\\+([a-z0-9]+(?:[-_.][a-z0-9]+){0,127}))?';
const FORM = new RegExp(`^${VERSION}$`);
/** As trivy finds a version in a constraint: without looking for its end, so that of `1.0beta2` it takes `1.0b`. */
const IN_CONSTRAINT = new RegExp(`^${VERSION}`);

const KINDS: Readonly<Record<string, number>> = { a: 0, alpha: 0, b: 1, beta: 1, c: 2, rc: 2, pre: 2, preview: 2 };
const [BEFORE_ALL, AFTER_ALL] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];

/** PyPI: aquasecurity/go-pep440-version as trivy 0.74 pins it, without local labels in bounds. */
export const pep440Grammar: VersionGrammar<Pep440Version> = {
  bound(text) {
    const parsed = parse(text);
    return parsed === undefined || parsed.version.local === '' ? parsed : undefined;
  },
  nearest,
  installed: parse,
  compare,
  isBelow(version, bound) {
    if (compare(version, bound) >= 0) return false;
    // PEP 440, "Exclusive ordered comparison": `<3.8` does not take in 3.8a1. Trivy lets that be, but not for 3.8a1+x.
    if (bound.isPreRelease || !version.isPreRelease) return true;
    return version.epoch !== bound.epoch || compareNumbers(version.release, bound.release) !== 0;
  },
  /** A constraint with a local label is equal to that version alone, one without to each label. */
  isEqual: (version, constraint) =>
    compare(version, constraint) === 0 && (constraint.local === '' || version.local === constraint.local),
};

/** Labels are refused after `<`, `<=` and `>=`, and ignored in what is compared with these. */
function nearest(raw: string): NearestBounds<Pep440Version> | undefined {
  const text = plain(raw);
  const plus = text.indexOf('+');
  const isPublic = plus < 0 || parse(text.slice(0, plus)) === undefined;
  if (!isPublic) return only(pep440Grammar, text.slice(0, plus), parse(text));
  return nearestBounds(text, {
    prefix: /^v?(?:[0-9]+!)?/,
    maxNumbers: Number.POSITIVE_INFINITY,
    isLimited: true,
    least: '.dev0',
    hasPreReleases: false,
    bound: parse,
  });
}

/** Trimmed, and in the case that trivy reads in a constraint. */
function plain(raw: string): string {
  return trimVersion(raw).toLowerCase();
}

/** Trivy reads capitals in an installed version but not in a constraint, so versions are spelled without. */
function parse(raw: string): Spelled<Pep440Version> | undefined {
  const text = plain(raw);
  const match = FORM.exec(text);
  if (match === null) return undefined;
  const [, epochText = '0', releaseText = '', kind, preText = '0', post1, postWord, post2 = '0', dev, devText = '0'] =
    match;
  const [epoch, pre] = [parseNumber(epochText), parseNumber(preText)];
  const [post, development] = [parseNumber(post1 ?? post2), parseNumber(devText)];
  const release = parseNumbers(releaseText);
  if (epoch === undefined || release === undefined) return undefined;
  if (pre === undefined || post === undefined || development === undefined) return undefined;
  const isPost = post1 !== undefined || postWord !== undefined;
  const isDev = dev !== undefined;
  const suffix = [
    kind === undefined ? (isDev && !isPost ? BEFORE_ALL : AFTER_ALL) : (KINDS[kind] as number),
    pre,
    isPost ? post : BEFORE_ALL,
    isDev ? development : AFTER_ALL,
  ];
  const version = { epoch, release: trimZeros(release), suffix, isPreRelease: kind !== undefined || isDev };
  const isReadWhole = IN_CONSTRAINT.exec(text)?.[0] === text;
  return { text: isReadWhole ? text : normalForm(match), version: { ...version, local: localOf(match[10] ?? '') } };
}

/** A local label as it is compared: zeros in front of a number between dots do not count. Trivy splits at dots alone. */
function localOf(label: string): string {
  const parts = label.split('.');
  return parts.map((part) => (/^[0-9]+$/.test(part) ? String(parseNumber(part) ?? part) : part)).join('.');
}

/** The one spelling that PEP 440 recommends, except that the numbers stay as they are. */
function normalForm(match: RegExpExecArray): string {
  const [, epoch, release, kind, pre = '0', post1, postWord, post2 = '0', dev, devNumber = '0', local] = match;
  return [
    epoch === undefined ? '' : `${epoch}!`,
    release,
    kind === undefined ? '' : `${['a', 'b', 'rc'][KINDS[kind] as number]}${pre}`,
    post1 === undefined && postWord === undefined ? '' : `.post${post1 ?? post2}`,
    dev === undefined ? '' : `.dev${devNumber}`,
    local === undefined ? '' : `+${local}`,
  ].join('');
}

/** Local labels count for nothing: bounds have none, and trivy takes the installed version's away first. */
function compare(a: Pep440Version, b: Pep440Version): number {
  if (a.epoch !== b.epoch) return a.epoch < b.epoch ? -1 : 1;
  return compareNumbers(a.release, b.release) || compareNumbers(a.suffix, b.suffix);
}
