import { CodedError } from '../errors.ts';
import { type JsonValue, OutOfRangeNumber } from './canonical-json.ts';
import { decodeJsonString, endOfJsonString } from './json-string.ts';

const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const SPACE = /[ \t\n\r]*/y;
const LITERAL = /true|false|null/y;
const LITERALS: Record<string, boolean | null> = { true: true, false: false, null: null };

/**
 * `keepNumbers`: numbers that a double does not hold, an integer beyond 2^53 - 1 or one out of range, are kept as
 * OutOfRangeNumber. `tolerant`: all passes that JSON.parse lets pass: duplicate members, of which the last counts, lone
 * surrogates, and such numbers, rounded.
 */
export type ReadMode = 'strict' | 'keepNumbers' | 'tolerant';

/**
 * Reads a JSON text token by token, in linear time and without JSON.parse, and refuses what JSON.parse lets pass.
 * Several times slower, and exact about the place: it reads only texts with an escaped member name, and those in which
 * the native reader and the counts of parseJson do not agree.
 *
 * @throws CodedError ERR_EXPORT_JSON_INVALID with `pointer` (RFC 6901) and `offset` in its details
 */
export function readExactJson(text: string, name: string, maxDepth: number, mode: ReadMode = 'strict'): JsonValue {
  const reader = new Reader(text, name, maxDepth, mode);
  const value = reader.readValue();
  reader.expectEnd();
  return value;
}

class Reader {
  readonly #text: string;
  readonly #name: string;
  readonly #maxDepth: number;
  readonly #mode: ReadMode;
  readonly #path: (string | number)[] = [];
  #at = 0;

  constructor(text: string, name: string, maxDepth: number, mode: ReadMode) {
    this.#text = text;
    this.#name = name;
    this.#maxDepth = maxDepth;
    this.#mode = mode;
  }

  readValue(): JsonValue {
    this.#skipSpace();
    const next = this.#text[this.#at];
    if (next === '{') return this.#nested(() => this.#readObject());
    if (next === '[') return this.#nested(() => this.#readArray());
    if (next === '"') return this.#readString();
    if (next === '-' || (next !== undefined && next >= '0' && next <= '9')) return this.#readNumber();
    const word = this.#match(LITERAL);
    if (word === undefined)
      this.#fail(next === undefined ? 'the text ends where a value should be' : 'not a JSON value');
    return LITERALS[word] as boolean | null;
  }

  expectEnd(): void {
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#fail('more text after the value');
  }

  #nested<T>(read: () => T): T {
    if (this.#depth >= this.#maxDepth) this.#fail(`nested deeper than ${this.#maxDepth}`);
    this.#depth++;
    this.#at++;
    const value = read();
    this.#depth--;
    return value;
  }
  #depth = 0;

  #readObject(): JsonValue {
    const object: Record<string, JsonValue> = {};
    if (this.#take('}')) return object;
    do {
      this.#skipSpace();
      if (this.#text[this.#at] !== '"') this.#fail('expected a member name');
      const key = this.#readString();
      this.#path.push(key);
      if (this.#mode !== 'tolerant' && Object.hasOwn(object, key))
        this.#fail(`duplicate member ${JSON.stringify(key)}`);
      if (!this.#take(':')) this.#fail('expected a colon');
      const value = this.readValue();
      Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
      this.#path.pop();
    } while (this.#take(','));
    if (!this.#take('}')) this.#fail('expected a comma or a closing brace');
    return object;
  }

  #readArray(): JsonValue {
    const items: JsonValue[] = [];
    if (this.#take(']')) return items;
    do {
      this.#path.push(items.length);
      items.push(this.readValue());
      this.#path.pop();
    } while (this.#take(','));
    if (!this.#take(']')) this.#fail('expected a comma or a closing bracket');
    return items;
  }

  #readString(): string {
    const start = this.#at;
    const { at, valid } = endOfJsonString(this.#text, start);
    this.#at = at;
    if (!valid) this.#fail('unterminated string, bad escape or control character');
    const value = decodeJsonString(this.#text.slice(start, at));
    if (value.isWellFormed()) return ownCopy(value);
    return this.#mode === 'tolerant' ? value : this.#fail('lone surrogate in a string');
  }

  #readNumber(): JsonValue {
    const token = this.#match(NUMBER);
    if (token === undefined) this.#fail('not a JSON number');
    const value = Number(token);
    const isInteger = /^-?\d+$/.test(token);
    if (Number.isFinite(value) && (!isInteger || Number.isSafeInteger(value))) return value;
    if (this.#mode === 'keepNumbers') return new OutOfRangeNumber(token) as unknown as JsonValue;
    if (this.#mode === 'tolerant') return value;
    const what = isInteger
      ? `integer ${token.slice(0, 40)} is beyond 2^53 - 1`
      : `number ${token.slice(0, 40)} is beyond a double`;
    this.#fail(what);
  }

  #skipSpace(): void {
    this.#match(SPACE);
  }

  #take(char: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const token = pattern.exec(this.#text)?.[0];
    if (token !== undefined) this.#at += token.length;
    return token;
  }

  #fail(what: string): never {
    const pointer = this.#path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
    const place = pointer === '' ? 'the top' : pointer;
    throw new CodedError('ERR_EXPORT_JSON_INVALID', `${this.#name}: ${what} at ${place} (offset ${this.#at})`, {
      hint: 'correct the file at this position, or withhold the record',
      details: { name: this.#name, pointer, offset: this.#at },
    });
  }
}

/** A string that does not keep the text alive from which it was cut, as slices of 13 and more units do. */
function ownCopy(value: string): string {
  return value.length < 13 ? value : Buffer.from(value, 'utf8').toString('utf8');
}
