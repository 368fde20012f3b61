import { randomBytes } from 'node:crypto';
import { parseJson } from '#core';

/** Members that Go's readers take for whole numbers: in a manifest, and in each of its descriptors. */
const WHOLE_AT_TOP = 'schemaversion';
const WHOLE_IN_DESCRIPTORS = 'size';
const HOLD_DESCRIPTORS = ['config', 'layers', 'manifests', 'blobs', 'subject'];

/** Values that a manifest may be made of, by the marks before them: what 10,000 entries with five annotations need. */
const MOST_VALUES = 240_000;
/** Fewer where each token is looked at: numbers are written with fractions, or the native reader cannot guarantee the text. */
const MOST_VALUES_READ_SLOWLY = 30_000;
/** Escapes in all strings, where each is looked at. */
const MOST_ESCAPES_READ_SLOWLY = 10_000;
/** Members that make an object differ from all before it, by name or order: objects alike cost far less. */
const MOST_NEW_MEMBERS = 2_000;

const [QUOTE, BACKSLASH, COMMA, COLON, DOT] = [0x22, 0x5c, 0x2c, 0x3a, 0x2e];
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE, LETTER_E] = [0x5b, 0x5d, 0x7b, 0x7d, 0x65];

/** Odd, and not known to those who write manifests, so that they cannot choose names that count as one. */
const MULTIPLIER = randomBytes(4).readUInt32LE() | 1;
/** A bit of the hash tells whether a member and those before it were seen: of 2,000 some 1 % pass as seen. */
const HASH_BITS = 17;

/** What one look over the bytes of a JSON text says of it. */
export interface TextFacts {
  /** What it has more of than any manifest needs, so that reading it would take long. */
  readonly excess: 'JSON values' | 'members of different names' | undefined;
  /** Whether it is small enough for a reader that looks at each token. */
  readonly mayReadExactly: boolean;
  /** Whether any number is written with a fraction or an exponent. */
  readonly hasFractions: boolean;
}

/** Looks over a text that need not be JSON, in time linear in its length. */
export function lookOver(bytes: Uint8Array): TextFacts {
  const string = new StringScan(bytes);
  const members = new MemberScan();
  let values = 0;
  let hasFractions = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte === QUOTE) i = string.read(i + 1);
    else if (isMark(byte)) {
      members.read(byte, string.hash);
      if (++values > MOST_VALUES || members.different > MOST_NEW_MEMBERS) break;
    } else if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) members.close();
    else if (isFraction(bytes, i)) hasFractions = true;
  }
  const excess = excessIn(values, members.different, hasFractions);
  return {
    excess,
    mayReadExactly: values <= MOST_VALUES_READ_SLOWLY && string.escapes <= MOST_ESCAPES_READ_SLOWLY,
    hasFractions,
  };
}

function excessIn(values: number, different: number, hasFractions: boolean): TextFacts['excess'] {
  if (values > (hasFractions ? MOST_VALUES_READ_SLOWLY : MOST_VALUES)) return 'JSON values';
  return different > MOST_NEW_MEMBERS ? 'members of different names' : undefined;
}

/** Counts members that differ, with those before them in their object, from all that came before. */
class MemberScan {
  /** Hashes of the names so far, of each object or list that is open; a text that nests deeper than this is none we read. */
  readonly #open = new Int32Array(128);
  readonly #seen = new Uint8Array(1 << HASH_BITS);
  #depth = 0;
  different = 0;

  /** @param nameHash of the string before this mark */
  read(mark: number, nameHash: number): void {
    if (mark === COLON) this.#add(nameHash);
    else if (mark !== COMMA) this.#open[++this.#depth & 127] = 0;
  }

  close(): void {
    this.#depth--;
  }

  #add(nameHash: number): void {
    const place = this.#depth & 127;
    const hash = Math.imul((this.#open[place] as number) ^ nameHash, MULTIPLIER);
    this.#open[place] = hash ^ (hash >>> 15);
    const bit = hash >>> (32 - HASH_BITS);
    this.different += 1 - (this.#seen[bit] as number);
    this.#seen[bit] = 1;
  }
}

/** Reads the strings of a text one after the other. */
class StringScan {
  readonly #bytes: Uint8Array;
  /** Of the last string. */
  hash = 0;
  /** In all strings so far. */
  escapes = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** @returns where the closing quote of the string is whose first character is at `from`; the end where there is none */
  read(from: number): number {
    const bytes = this.#bytes;
    let hash = 0;
    let i = from;
    for (; i < bytes.length; i++) {
      const byte = bytes[i] as number;
      if (byte === QUOTE) break;
      hash = Math.imul(hash ^ byte, MULTIPLIER);
      hash ^= hash >>> 15;
      if (byte !== BACKSLASH) continue;
      this.escapes++;
      i++;
      hash = Math.imul(hash ^ (bytes[i] ?? 0), MULTIPLIER);
    }
    this.hash = hash;
    return i;
  }
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

/** Names that Go's readers also know by other letters. */
export class KnownNames {
  readonly #names: ReadonlySet<string>;
  readonly #folded: ReadonlySet<string>;
  readonly #longest: number;

  constructor(names: readonly string[]) {
    this.#names = new Set(names);
    this.#folded = new Set(names.map((name) => name.toLowerCase()));
    this.#longest = Math.max(...names.map((name) => name.length));
  }

  /** Whether Go's readers take `name`, which is none of them, for one of them. */
  isTakenForOne(name: string): boolean {
    // Each letter folds to one letter.
    return name.length <= this.#longest && !this.#names.has(name) && this.#folded.has(foldName(name));
  }
}

/** The name as Go's reader compares it: it ignores case, also of the two letters beyond ASCII that fold to ASCII. */
function foldName(name: string): string {
  return name.toUpperCase().toLowerCase();
}

/** Goes over well-formed JSON with the names that lead to where it is; positions in lists are not told apart. */
class Walker {
  readonly #text: string;
  readonly #token = /\s*([{}[\]:,"]|[^\s{}[\]:,"]+)/y;
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
      this.#path.push(this.#path.length < 2 ? nameIn(token) : '');
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
    const token = this.#token.exec(this.#text)?.[1];
    if (token === undefined) throw new TypeError('not well-formed JSON');
    if (token !== '"') return token;
    const start = this.#token.lastIndex - 1;
    this.#token.lastIndex = endOfString(this.#text, start);
    return this.#text.slice(start, this.#token.lastIndex);
  }
}

/** Where the string ends, its closing quote included, that opens at `at`. */
function endOfString(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === '"') return i + 1;
    if (text[i] === '\\') i++;
  }
  throw new TypeError('not well-formed JSON');
}

/** The folded name that a token spells. */
function nameIn(token: string): string {
  return foldName(token.includes('\\') ? String(parseJson(Buffer.from(token), 'a name')) : token.slice(1, -1));
}

function isMark(byte: number): boolean {
  return byte === COMMA || byte === COLON || byte === OPEN_BRACKET || byte === OPEN_BRACE;
}

/** Whether a fraction or an exponent begins at `at`, outside of strings. */
function isFraction(bytes: Uint8Array, at: number): boolean {
  const byte = bytes[at] as number;
  return byte === DOT || ((byte | 0x20) === LETTER_E && isDigit(bytes[at - 1]));
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
