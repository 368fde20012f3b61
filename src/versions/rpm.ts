import { type Spelled, trimVersion, type VersionGrammar, type VersionNumber } from './grammar.ts';

/** An epoch, then version and release, each as the segments that rpm compares. */
export interface RpmVersion {
  readonly epoch: VersionNumber;
  readonly version: readonly string[];
  readonly release: readonly string[];
}

/**
 * AlmaLinux, Rocky Linux, SUSE, Photon OS, Azure Linux, Bottlerocket: knqyf263/go-rpm-version as trivy 0.74 pins it.
 * The library reads any text; here a version has no white space and something to compare. An epoch of 0 is not
 * written, as trivy-db does not.
 */
export const rpmGrammar: VersionGrammar<RpmVersion> = {
  bound: parse,
  nearest: () => undefined,
  installed: parse,
  compare,
};

const SEGMENTS = /[A-Za-z]+|[0-9]+|[~^]/g;

function parse(raw: string): Spelled<RpmVersion> | undefined {
  const text = withoutEpoch0(trimVersion(raw));
  if (!/^[!-~]+$/.test(text)) return undefined;
  const colon = text.indexOf(':');
  const rest = text.slice(colon + 1);
  const hyphen = rest.indexOf('-');
  const [version, release] = hyphen < 0 ? [rest, ''] : [rest.slice(0, hyphen), rest.slice(hyphen + 1)];
  const segments = version.match(SEGMENTS) ?? [];
  if (segments.length === 0) return undefined;
  const epoch = colon < 0 ? 0 : epochOf(text.slice(0, colon));
  return { text, version: { epoch, version: segments, release: release.match(SEGMENTS) ?? [] } };
}

function withoutEpoch0(text: string): string {
  return text.startsWith('0:') && !text.includes(':', 2) ? text.slice(2) : text;
}

/** Go's int; what is none is 0. */
function epochOf(text: string): VersionNumber {
  if (!/^[+-]?[0-9]+$/.test(text)) return 0;
  const value = BigInt(text.replace(/^\+/, ''));
  if (value !== BigInt.asIntN(64, value)) return 0;
  return value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER) ? Number(value) : value;
}

function compare(a: RpmVersion, b: RpmVersion): number {
  if (a.epoch !== b.epoch) return a.epoch < b.epoch ? -1 : 1;
  return compareAll(a.version, b.version) || compareAll(a.release, b.release);
}

function compareAll(a: readonly string[], b: readonly string[]): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const order = compareSegments(a[i] as string, b[i] as string);
    if (order !== 0) return order;
  }
  if (a.length === b.length) return 0;
  if (a[length] === '~') return -1;
  if (b[length] === '~') return 1;
  return a.length - b.length;
}

/** A tilde comes before all else, then a caret, then words, then numbers. */
function compareSegments(a: string, b: string): number {
  const kind = kindOf(a) - kindOf(b);
  if (kind !== 0) return kind;
  if (kindOf(a) !== NUMBER) return a === b ? 0 : a < b ? -1 : 1;
  const [x, y] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')];
  return x.length - y.length || (x === y ? 0 : x < y ? -1 : 1);
}

const NUMBER = 3;

function kindOf(segment: string): number {
  const first = segment.charCodeAt(0);
  if (first === 126) return 0;
  if (first === 94) return 1;
  return first >= 48 && first <= 57 ? NUMBER : 2;
}
