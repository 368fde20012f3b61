import { type Spelled, trimVersion, type VersionGrammar, type VersionNumber } from './grammar.ts';

/** An epoch, then what dpkg calls the upstream version and the revision, both as they are compared. */
export interface DebVersion {
  readonly epoch: VersionNumber;
  readonly upstream: DebPart;
  readonly revision: DebPart;
}

/** Text and numbers in turn, beginning with text. */
interface DebPart {
  readonly texts: readonly string[];
  readonly numbers: readonly VersionNumber[];
}

/**
 * Debian, Ubuntu, Echo: knqyf263/go-deb-version as trivy 0.74 pins it, for ASCII. Debian allows no other characters.
 */
export const debGrammar: VersionGrammar<DebVersion> = {
  bound: parse,
  nearest: () => undefined,
  installed: parse,
  compare,
};

const EPOCH = /^[+-]?[0-9]+$/;
const UPSTREAM = /^[0-9][0-9A-Za-z.+~:_-]*$/;
const REVISION = /^[0-9A-Za-z+.~_]*$/;

function parse(raw: string): Spelled<DebVersion> | undefined {
  const text = trimVersion(raw);
  const colon = text.indexOf(':');
  const epoch = colon < 0 ? 0 : epochOf(text.slice(0, colon));
  const rest = text.slice(colon + 1);
  const hyphen = rest.lastIndexOf('-');
  const [upstream, revision] = hyphen < 0 ? [rest, ''] : [rest.slice(0, hyphen), rest.slice(hyphen + 1)];
  if (epoch === undefined || !UPSTREAM.test(upstream) || !REVISION.test(revision)) return undefined;
  return { text, version: { epoch, upstream: partOf(upstream), revision: partOf(revision) } };
}

/** Go's int, without those below 0; a sign is allowed. */
function epochOf(text: string): VersionNumber | undefined {
  if (!EPOCH.test(text)) return undefined;
  const value = BigInt(text.replace(/^[+-]/, ''));
  if (value > MAX_INT || (text.startsWith('-') && value > 0n)) return undefined;
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

const MAX_INT = 2n ** 63n - 1n;

function partOf(text: string): DebPart {
  const texts: string[] = [];
  const numbers: VersionNumber[] = [];
  let isNumber = false;
  let start = 0;
  for (let at = 0; at <= text.length; at++) {
    if (at < text.length && isDigit(text.charCodeAt(at)) === isNumber) continue;
    if (isNumber) numbers.push(numberOf(text.slice(start, at)));
    else texts.push(text.slice(start, at));
    [isNumber, start] = [!isNumber, at];
  }
  return { texts, numbers };
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** Numbers that are too large are all the largest. */
function numberOf(digits: string): VersionNumber {
  if (digits.length <= 15) return Number(digits);
  const value = BigInt(digits);
  if (value > MAX_INT) return MAX_INT;
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

function compare(a: DebVersion, b: DebVersion): number {
  if (a.epoch !== b.epoch) return a.epoch < b.epoch ? -1 : 1;
  return compareParts(a.upstream, b.upstream) || compareParts(a.revision, b.revision);
}

function compareParts(a: DebPart, b: DebPart): number {
  const length = Math.max(a.texts.length, b.texts.length, a.numbers.length, b.numbers.length);
  for (let i = 0; i < length; i++) {
    const order = compareTexts(a.texts[i] ?? '', b.texts[i] ?? '');
    if (order !== 0) return order;
    const [x, y] = [a.numbers[i] ?? 0, b.numbers[i] ?? 0];
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}

function compareTexts(a: string, b: string): number {
  const length = Math.max(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const order = rankOf(a, i) - rankOf(b, i);
    if (order !== 0) return order;
  }
  return 0;
}

/** A tilde comes before the end, the end before letters, letters before all else. */
function rankOf(text: string, at: number): number {
  if (at >= text.length) return 0;
  const code = text.charCodeAt(at);
  if (code === TILDE) return -1;
  const isLetter = (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
  return isLetter ? code : code + 256;
}

const TILDE = 126;
