/** One way to log in that a server offers (RFC 9110 §11.6.1). */
export interface Challenge {
  /** In lower case: `basic`, `bearer`, … */
  readonly scheme: string;
  /** By name in lower case. */
  readonly params: ReadonlyMap<string, string>;
}

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const TOKEN68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y;
/** Node takes headers of 16 KiB at most. */
const QUOTED = /"((?:[^"\\]|\\[\s\S]){0,16384})"/y;
const SPACE = /[ \t]*/y;
const SEPARATORS = /[ \t,]*/y;

/**
 * All challenges in the values of `WWW-Authenticate`, in their order. What cannot be understood ends the reading of
 * its value; what came before it counts.
 */
export function parseChallenges(values: readonly string[]): Challenge[] {
  return values.flatMap((value) => [...challengesIn(value)]);
}

function* challengesIn(text: string): Generator<Challenge> {
  const cursor = new Cursor(text);
  cursor.take(SEPARATORS);
  let scheme = cursor.take(TOKEN);
  while (scheme !== undefined) {
    const params = new Map<string, string>();
    const spaced = cursor.take(SPACE) !== '';
    if (spaced) cursor.take(TOKEN68);
    const next = readParams(cursor, params);
    yield { scheme: scheme.toLowerCase(), params };
    scheme = next;
  }
}

/** Reads parameters up to the next scheme, which it returns; a name without `=` after a comma is one. */
function readParams(cursor: Cursor, params: Map<string, string>): string | undefined {
  for (;;) {
    cursor.take(SEPARATORS);
    const name = cursor.take(TOKEN);
    if (name === undefined) return undefined;
    const mark = cursor.at;
    cursor.take(SPACE);
    if (!cursor.skip('=')) {
      cursor.at = mark;
      return name;
    }
    cursor.take(SPACE);
    const quoted = cursor.take(QUOTED);
    const value = quoted === undefined ? cursor.take(TOKEN) : quoted.slice(1, -1).replace(/\\([\s\S])/g, '$1');
    if (value === undefined) return undefined;
    if (!params.has(name.toLowerCase())) params.set(name.toLowerCase(), value);
  }
}

class Cursor {
  at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.at += match[0].length;
    return match[0];
  }

  skip(character: string): boolean {
    if (this.#text[this.at] !== character) return false;
    this.at++;
    return true;
  }
}
