import { parseJson } from '#core';

/** Members that Go's readers take for whole numbers: in a manifest, and in each of its descriptors. */
const WHOLE_AT_TOP = 'schemaversion';
const WHOLE_IN_DESCRIPTORS = 'size';
const HOLD_DESCRIPTORS = ['config', 'layers', 'manifests', 'blobs', 'subject'];

/** Values that a manifest may be made of, by the marks before them: what 4 MiB of descriptors need. */
const MOST_VALUES = 300_000;
/** Fewer where numbers are written with fractions: each token is looked at then, and no manifest needs fractions. */
const MOST_VALUES_WITH_FRACTIONS = 30_000;

const [QUOTE, BACKSLASH, COMMA, COLON, DOT] = [0x22, 0x5c, 0x2c, 0x3a, 0x2e];
const [OPEN_BRACKET, OPEN_BRACE] = [0x5b, 0x7b];

/** What one look over the bytes of a JSON text says of it. */
export interface TextFacts {
  /** More than any manifest needs, so that reading it would take long. */
  readonly tooManyValues: boolean;
  /** Whether any number is written with a fraction or an exponent. */
  readonly hasFractions: boolean;
}

/** Looks over a text that need not be JSON, in time linear in its length. */
export function lookOver(bytes: Uint8Array): TextFacts {
  let values = 0;
  let hasFractions = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte === QUOTE) i = endOfString(bytes, i + 1);
    else if (byte === COMMA || byte === COLON || byte === OPEN_BRACKET || byte === OPEN_BRACE) {
      if (++values > MOST_VALUES) return { tooManyValues: true, hasFractions };
    } else if (byte === DOT || ((byte | 0x20) === 0x65 && isDigit(bytes[i - 1]))) hasFractions = true;
  }
  return { tooManyValues: hasFractions && values > MOST_VALUES_WITH_FRACTIONS, hasFractions };
}

/**
 * The first number that must be whole and is written with a fraction or an exponent, such as `5.0`: Go's readers refuse
 * it, whatever its value.
 *
 * @param text JSON that the strict reader has accepted
 * @returns the place of its member; undefined where there is none
 */
export function findFraction(text: string): string | undefined {
  return new Walker(text).findIn();
}

/** The name as Go's reader compares it: it ignores case, also of the two letters beyond ASCII that fold to ASCII. */
export function foldName(name: string): string {
  return name.toUpperCase().toLowerCase();
}

/** Goes over well-formed JSON with the names that lead to where it is; positions in lists are not told apart. */
class Walker {
  readonly #text: string;
  readonly #token = /\s*(?:[{}[\]:,]|"[^"\\]*(?:\\.[^"\\]*)*"|[^\s{}[\]:,"]+)/gy;
  readonly #path: string[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  /** Reads one value. */
  findIn(first = this.#next()): string | undefined {
    if (first === '{') return this.#findInObject();
    if (first === '[') return this.#findInList();
    return /^-?\d+$/.test(first) || !/^-?\d/.test(first) || !this.#mustBeWhole() ? undefined : this.#path.join('.');
  }

  #findInObject(): string | undefined {
    for (let token = this.#next(); token !== '}'; token = this.#next()) {
      if (token === ',') continue;
      this.#path.push(foldName(String(parseJson(Buffer.from(token), 'a name'))));
      this.#next();
      const found = this.findIn();
      if (found !== undefined) return found;
      this.#path.pop();
    }
    return undefined;
  }

  #findInList(): string | undefined {
    for (let token = this.#next(); token !== ']'; token = this.#next()) {
      const found = token === ',' ? undefined : this.findIn(token);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #mustBeWhole(): boolean {
    const [first = '', second, ...more] = this.#path;
    if (second === undefined) return first === WHOLE_AT_TOP;
    return second === WHOLE_IN_DESCRIPTORS && more.length === 0 && HOLD_DESCRIPTORS.includes(first);
  }

  #next(): string {
    const token = this.#token.exec(this.#text)?.[0].trim();
    if (token === undefined) throw new TypeError('not well-formed JSON');
    return token;
  }
}

function endOfString(bytes: Uint8Array, from: number): number {
  for (let i = from; i < bytes.length; i++) {
    if (bytes[i] === QUOTE) return i;
    if (bytes[i] === BACKSLASH) i++;
  }
  return bytes.length;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
