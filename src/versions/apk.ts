import { type Spelled, trimVersion, type VersionGrammar } from './grammar.ts';

/** What comes next in a version, in the order of apk-tools: what comes later in it makes a version lower. */
const [INVALID, DIGIT_OR_ZERO, DIGIT, LETTER, SUFFIX, SUFFIX_NUMBER, REVISION, END] = [
  -1, 0, 1, 2, 3, 4, 5, 6,
] as const;

type Token = -1 | 0 | 1 | 2 | 3 | 4 | 5 | 6;

/** Values of a version's parts, and behind each the kind of the next part: what apk compares. */
export interface ApkVersion {
  readonly values: readonly (number | bigint)[];
  readonly next: readonly Token[];
}

/**
 * Alpine, Wolfi, Chainguard, MinimOS: knqyf263/go-apk-version as trivy 0.74 pins it, for ASCII. Whoever packages writes
 * no other versions.
 */
export const apkGrammar: VersionGrammar<ApkVersion> = {
  bound: parse,
  nearest: () => undefined,
  installed: parse,
  compare,
};

/** The library takes the empty text for a version, which no package has. */
function parse(raw: string): Spelled<ApkVersion> | undefined {
  const text = trimVersion(raw);
  if (!/^[ -~]+$/.test(text)) return undefined;
  const reader = new TokenReader(text);
  const values: (number | bigint)[] = [];
  const next: Token[] = [];
  for (let token: Token = DIGIT; token !== END; token = next.at(-1) as Token) {
    const read = reader.read(token);
    if (read === undefined || read.next === INVALID) return undefined;
    values.push(read.value);
    next.push(read.next);
  }
  return { text, version: { values, next } };
}

function compare(a: ApkVersion, b: ApkVersion): number {
  for (let i = 0; ; i++) {
    const [x, y] = [a.values[i] as number | bigint, b.values[i] as number | bigint];
    if (x !== y) return x < y ? -1 : 1;
    const [after, other] = [a.next[i] as Token, b.next[i] as Token];
    if (after !== other) return compareEnds(a, b, i);
    if (after === END) return 0;
  }
}

/** Of two versions that begin alike the longer is greater, unless it goes on with the suffix of a pre-release. */
function compareEnds(a: ApkVersion, b: ApkVersion, i: number): number {
  const [after, other] = [a.next[i] as Token, b.next[i] as Token];
  if (after === SUFFIX && (a.values[i + 1] as number) < 0) return -1;
  if (other === SUFFIX && (b.values[i + 1] as number) < 0) return 1;
  return after > other ? -1 : 1;
}

/** Before a release; then those after it. A suffix that begins with another's letters comes before it in the list. */
const PRE_SUFFIXES: readonly string[] = ['alpha', 'beta', 'pre', 'rc'];
const POST_SUFFIXES: readonly string[] = ['cvs', 'svn', 'git', 'hg', 'p'];

interface Read {
  readonly value: number | bigint;
  readonly next: Token;
}

/** Reads a version part by part. */
class TokenReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The value of a part of this kind, and the kind of the part that follows; undefined where it is of another kind. */
  read(token: Token): Read | undefined {
    const isZero = token === DIGIT_OR_ZERO && this.#text[this.#at] === '0';
    const value = isZero ? -this.#countZeros() : this.#value(token);
    if (value === undefined) return undefined;
    if (this.#at === this.#text.length) return { value, next: END };
    return { value, next: isZero ? DIGIT : this.#next(token) };
  }

  #countZeros(): number {
    const start = this.#at;
    while (this.#text[this.#at] === '0') this.#at++;
    return this.#at - start;
  }

  #value(token: Token): number | bigint | undefined {
    if (token === LETTER) return this.#text.charCodeAt(this.#at++);
    if (token === SUFFIX) return this.#suffix();
    const start = this.#at;
    while (isDigit(this.#text[this.#at])) this.#at++;
    return numberOf(this.#text.slice(start, this.#at));
  }

  #suffix(): number | undefined {
    const isHere = (suffix: string): boolean => this.#text.startsWith(suffix, this.#at);
    const pre = PRE_SUFFIXES.findIndex(isHere);
    const post = pre < 0 ? POST_SUFFIXES.findIndex(isHere) : -1;
    if (pre < 0 && post < 0) return undefined;
    this.#at += (PRE_SUFFIXES[pre] ?? POST_SUFFIXES[post] ?? '').length;
    return pre < 0 ? post : pre - PRE_SUFFIXES.length;
  }

  #next(token: Token): Token {
    const next = this.#kindAfter(token);
    const mayFollow =
      next >= token ||
      (next === DIGIT_OR_ZERO && token === DIGIT) ||
      (next === SUFFIX && token === SUFFIX_NUMBER) ||
      (next === DIGIT && token === LETTER);
    return mayFollow ? next : INVALID;
  }

  /** Passes over the separator. Whatever one character follows a hyphen is taken for the `r` of a revision. */
  #kindAfter(token: Token): Token {
    const letter = this.#text[this.#at] as string;
    if ((token === DIGIT || token === DIGIT_OR_ZERO) && letter >= 'a' && letter <= 'z') return LETTER;
    if (token === LETTER && isDigit(letter)) return DIGIT;
    if (token === SUFFIX && isDigit(letter)) return SUFFIX_NUMBER;
    this.#at++;
    if (letter === '.') return DIGIT_OR_ZERO;
    if (letter === '_') return SUFFIX;
    if (letter !== '-' || this.#at === this.#text.length) return INVALID;
    this.#at++;
    return REVISION;
  }
}

function isDigit(letter: string | undefined): boolean {
  return letter !== undefined && letter >= '0' && letter <= '9';
}

/** Go's int64, which wraps. Numbers and bigints compare with one another by value. */
function numberOf(digits: string): number | bigint {
  if (digits.length <= 15) return Number(digits);
  const value = BigInt.asIntN(64, BigInt(digits));
  const isSafe = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
  return isSafe ? Number(value) : value;
}
