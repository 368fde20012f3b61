import { isUtf8 } from 'node:buffer';
import { encodeCanonical, type JsonValue } from './canonical-json.ts';
import { parseKnownJson } from './native-json.ts';
import { type JsonLimits, parseJson, resolveLimits } from './strict-json.ts';

/** Bytes of room for most texts; a larger one gets as much as it needs. */
const FIRST_ROOM = 1024 * 1024;

/** Objects out of order with more members than this go the plain way, so that no input makes sorting quadratic. */
const MAX_SORTED_IN_PLACE = 64;

/** Members longer than this are moved in one piece. */
const LONG_MEMBER = 64;

const [TAB, LINE_FEED, RETURN, SPACE] = [0x09, 0x0a, 0x0d, 0x20];
const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];
const [PLUS, MINUS, DOT, SLASH, ZERO, NINE] = [0x2b, 0x2d, 0x2e, 0x2f, 0x30, 0x39];
const [UPPER_E, LOWER_E, LOWER_F, LOWER_N, LOWER_T, LOWER_U] = [0x45, 0x65, 0x66, 0x6e, 0x74, 0x75];

/** Thrown inside, never seen outside: something that only the plain way can judge or order. */
const NOT_PLAIN = new Error('not plain');

/** A JSON text in canonical form (RFC 8785). */
export class CanonicalJson {
  /** Valid only until the next call on the reader that gave it: copy what must stay. */
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** What the text says, worked out when it is asked for. */
  get value(): JsonValue {
    return parseKnownJson(this.bytes);
  }
}

/**
 * Brings JSON texts into canonical form (RFC 8785) from bytes to bytes: the result and the errors of
 * encodeCanonical(parseJson(…)), several times as quick over many small texts, and without a value in between.
 *
 * One pass checks the grammar, copies, and sorts members. Whatever is faulty or out of the ordinary (a duplicate,
 * half a surrogate pair, a name beyond ASCII, an unusual number) is left to the plain way, which decides.
 */
export class CanonicalReader {
  #in: Uint8Array = new Uint8Array(FIRST_ROOM);
  #end = 0;
  #out: Uint8Array = new Uint8Array(FIRST_ROOM);
  /** For each member of the objects that are open: where it and where its name ends begins in #out. */
  #members = new Int32Array(1024);
  #top = 0;
  #i = 0;
  #o = 0;
  #keepNumbers = false;

  /**
   * A JSON text in canonical form.
   *
   * @param name what the text is called in an error
   * @throws CodedError ERR_EXPORT_JSON_INVALID, as parseJson
   */
  read(bytes: Uint8Array, name: string, limits: JsonLimits = {}): CanonicalJson {
    const { maxDepth, maxBytes, keepNumbers } = resolveLimits(limits);
    this.#keepNumbers = keepNumbers;
    if (bytes.byteLength <= maxBytes && isUtf8(bytes) && this.#write(bytes, maxDepth)) {
      return new CanonicalJson(this.#out.subarray(0, this.#o));
    }
    return new CanonicalJson(encodeCanonical(parseJson(bytes, name, limits)));
  }

  /** Whether the canonical form now lies in #out. */
  #write(bytes: Uint8Array, maxDepth: number): boolean {
    this.#load(bytes);
    try {
      this.#writeValue(maxDepth);
      this.#skipSpace();
      return this.#i === bytes.length;
    } catch (error) {
      if (error === NOT_PLAIN) return false;
      throw error;
    }
  }

  /** Copies the text to a place of our own: two quotes behind it end every loop, and all loops see one kind of array. */
  #load(bytes: Uint8Array): void {
    const length = bytes.length;
    if (this.#in.length < length + 2) this.#in = new Uint8Array(length + 2);
    // Twice: sorting the members of an object borrows as much room as the object takes.
    if (this.#out.length < 2 * length + 64) this.#out = new Uint8Array(2 * length + 64);
    this.#in.set(bytes);
    this.#in.fill(QUOTE, length, length + 2);
    this.#end = length;
    this.#i = this.#o = this.#top = 0;
  }

  #writeValue(depthLeft: number): void {
    const byte = this.#skipSpace();
    if (byte === QUOTE) this.#writeString();
    else if (byte === OPEN_BRACE) this.#writeObject(depthLeft);
    else if (byte === OPEN_BRACKET) this.#writeArray(depthLeft);
    else if (byte === LOWER_T) this.#writeWord(TRUE);
    else if (byte === LOWER_F) this.#writeWord(FALSE);
    else if (byte === LOWER_N) this.#writeWord(NULL);
    else this.#writeNumber();
  }

  #writeArray(depthLeft: number): void {
    if (depthLeft === 0) throw NOT_PLAIN;
    this.#take(OPEN_BRACKET);
    if (this.#skipSpace() !== CLOSE_BRACKET) {
      for (;;) {
        this.#writeValue(depthLeft - 1);
        if (this.#skipSpace() !== COMMA) break;
        this.#take(COMMA);
      }
    }
    this.#take(CLOSE_BRACKET);
  }

  #writeObject(depthLeft: number): void {
    if (depthLeft === 0) throw NOT_PLAIN;
    const first = this.#top;
    let sorted = true;
    this.#take(OPEN_BRACE);
    if (this.#skipSpace() !== CLOSE_BRACE) {
      for (;;) {
        this.#writeName();
        if (sorted && this.#top > first + 2) sorted = this.#inOrder(this.#top - 4, this.#top - 2);
        this.#skipSpace();
        this.#take(COLON);
        this.#writeValue(depthLeft - 1);
        if (this.#skipSpace() !== COMMA) break;
        this.#take(COMMA);
      }
    }
    if (!sorted) this.#sortMembers(first);
    this.#top = first;
    this.#take(CLOSE_BRACE);
  }

  #writeName(): void {
    if (this.#skipSpace() !== QUOTE) throw NOT_PLAIN;
    const [input, out, start] = [this.#in, this.#out, this.#o];
    let i = this.#i + 1;
    let o = start;
    out[o++] = QUOTE;
    for (let byte = input[i++] as number; byte !== QUOTE; byte = input[i++] as number) {
      if (byte < SPACE || byte > 0x7e || byte === BACKSLASH) throw NOT_PLAIN;
      out[o++] = byte;
    }
    out[o++] = QUOTE;
    this.#i = i;
    this.#o = o;
    if (this.#top + 2 > this.#members.length) {
      const larger = new Int32Array(this.#members.length * 2);
      larger.set(this.#members);
      this.#members = larger;
    }
    this.#members[this.#top++] = start;
    this.#members[this.#top++] = this.#o;
  }

  /** Whether the member at index `a` of the stack comes before the one at `b`. Equal names are not plain. */
  #inOrder(a: number, b: number): boolean {
    const out = this.#out;
    let x = this.#members[a] as number;
    let y = this.#members[b] as number;
    const byLength = (this.#members[a + 1] as number) - x - ((this.#members[b + 1] as number) - y);
    // Without the closing quote, which sorts above a space and an exclamation mark.
    const stop = (byLength < 0 ? (this.#members[a + 1] as number) : x + (this.#members[b + 1] as number) - y) - 1;
    for (; x < stop; x++, y++) {
      const difference = (out[x] as number) - (out[y] as number);
      if (difference !== 0) return difference < 0;
    }
    if (byLength === 0) throw NOT_PLAIN;
    return byLength < 0;
  }

  /** Brings the members from stack index `first` on, which end at #o, into order. */
  #sortMembers(first: number): void {
    const count = (this.#top - first) / 2;
    if (count > MAX_SORTED_IN_PLACE) throw NOT_PLAIN;
    const order = new Array<number>(count);
    for (let i = 0; i < count; i++) {
      const member = first + 2 * i;
      let at = i;
      for (; at > 0 && !this.#inOrder(order[at - 1] as number, member); at--) order[at] = order[at - 1] as number;
      order[at] = member;
    }
    this.#permute(first, order);
  }

  /** Copies the members behind #o and from there back in the given order. */
  #permute(first: number, order: readonly number[]): void {
    const out = this.#out;
    const start = this.#members[first] as number;
    const end = this.#o;
    out.copyWithin(end, start, end);
    const shift = end - start;
    let to = start;
    for (const member of order) {
      const from = (this.#members[member] as number) + shift;
      // A member ends where the comma before the next one, or the object, begins.
      const stop = (member + 2 < this.#top ? (this.#members[member + 2] as number) - 1 : end) + shift;
      if (to > start) out[to++] = COMMA;
      if (stop - from > LONG_MEMBER) {
        out.copyWithin(to, from, stop);
        to += stop - from;
      } else {
        for (let i = from; i < stop; i++) out[to++] = out[i] as number;
      }
    }
  }

  #writeString(): void {
    const [input, out] = [this.#in, this.#out];
    let i = this.#i + 1;
    let o = this.#o;
    let sign = 0;
    out[o++] = QUOTE;
    for (;;) {
      const byte = input[i++] as number;
      out[o++] = byte;
      if (byte === QUOTE) break;
      sign |= byte - SPACE;
      if (byte !== BACKSLASH) continue;
      const escaped = input[i++] as number;
      if (escaped === LOWER_U) {
        o = writeCodeUnit(readHex(input, i), out, o - 1);
        i += 4;
      } else {
        if (ESCAPES[escaped] !== 1) throw NOT_PLAIN;
        // A slash needs no escape; all the others are as RFC 8785 wants them.
        if (escaped === SLASH) o--;
        out[o++] = escaped;
      }
    }
    // A control character below the space, or the quote that we put behind the text.
    if (sign < 0 || i > this.#end) throw NOT_PLAIN;
    this.#i = i;
    this.#o = o;
  }

  #writeNumber(): void {
    const [input, start] = [this.#in, this.#i];
    const digits = input[start] === MINUS ? start + 1 : start;
    let i = digits;
    while (isDigit(input[i])) i++;
    const isZero = input[digits] === ZERO;
    if (i === digits || (isZero && i > digits + 1)) throw NOT_PLAIN;
    const whole = input[i] !== DOT && input[i] !== LOWER_E && input[i] !== UPPER_E;
    // Up to 15 digits are exact and ECMAScript writes them just so; but it writes no negative zero.
    if (whole && i - digits <= 15 && !(isZero && digits > start)) this.#copy(i - start);
    else this.#writeUnusual(whole, i);
  }

  /** A number that may be spelt unlike ECMAScript spells it; `from` is where its whole part ends. */
  #writeUnusual(whole: boolean, from: number): void {
    let end = from;
    while (!whole && isNumberByte(this.#in[end])) end++;
    const token = Buffer.from(this.#in.buffer, this.#i, end - this.#i).toString('latin1');
    if (!NUMBER.test(token)) throw NOT_PLAIN;
    const value = Number(token);
    const isOutOfRange = !Number.isFinite(value) || (whole && !Number.isSafeInteger(value));
    if (isOutOfRange && !this.#keepNumbers) throw NOT_PLAIN;
    const text = isOutOfRange ? token : String(value);
    if (text.length > token.length) throw NOT_PLAIN;
    for (let n = 0; n < text.length; n++) this.#out[this.#o++] = text.charCodeAt(n);
    this.#i = end;
  }

  #writeWord(word: Uint8Array): void {
    for (let n = 0; n < word.length; n++) this.#take(word[n] as number);
  }

  #take(expected: number): void {
    if (this.#in[this.#i] !== expected) throw NOT_PLAIN;
    this.#i++;
    this.#out[this.#o++] = expected;
  }

  #copy(count: number): void {
    for (let n = count; n > 0; n--) this.#out[this.#o++] = this.#in[this.#i++] as number;
  }

  #skipSpace(): number {
    const input = this.#in;
    let byte = input[this.#i] as number;
    while (byte === SPACE || byte === LINE_FEED || byte === RETURN || byte === TAB) byte = input[++this.#i] as number;
    return byte;
  }
}

const [TRUE, FALSE, NULL] = ['true', 'false', 'null'].map((word) => Buffer.from(word)) as [Buffer, Buffer, Buffer];
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** 1 for each byte that may follow a backslash, the `u` aside. A table, since a Buffer's own search costs a call to C++. */
const ESCAPES = new Uint8Array(256);
for (const char of '"\\/bfnrt') ESCAPES[char.charCodeAt(0)] = 1;

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}

function isNumberByte(byte: number | undefined): boolean {
  return isDigit(byte) || byte === DOT || byte === LOWER_E || byte === UPPER_E || byte === MINUS || byte === PLUS;
}

/** The number that four hex digits spell. */
function readHex(input: Uint8Array, at: number): number {
  let unit = 0;
  for (let i = at; i < at + 4; i++) {
    const byte = input[i] as number;
    const lower = byte | 0x20;
    if (isDigit(byte)) unit = unit * 16 + byte - ZERO;
    else if (lower >= 0x61 && lower <= LOWER_F) unit = unit * 16 + lower - 0x57;
    else throw NOT_PLAIN;
  }
  return unit;
}
const SHORT_ESCAPES: Readonly<Record<number, number>> = {
  8: 0x62,
  9: 0x74,
  10: 0x6e,
  12: 0x66,
  13: 0x72,
  34: 34,
  92: 92,
};

/** Writes what `\uXXXX` stands for the canonical way and gives the next position. */
function writeCodeUnit(unit: number, out: Uint8Array, at: number): number {
  let o = at;
  const short = SHORT_ESCAPES[unit];
  if (short !== undefined) {
    out[o++] = BACKSLASH;
    out[o++] = short;
  } else if (unit < 0x20) {
    for (const char of `\\u${unit.toString(16).padStart(4, '0')}`) out[o++] = char.charCodeAt(0);
  } else if (unit < 0x80) {
    out[o++] = unit;
  } else if (unit < 0x800) {
    out[o++] = 0xc0 | (unit >> 6);
    out[o++] = 0x80 | (unit & 0x3f);
  } else {
    // One half of a pair: whether the other half follows is for the plain way to see.
    if (unit >= 0xd800 && unit <= 0xdfff) throw NOT_PLAIN;
    out[o++] = 0xe0 | (unit >> 12);
    out[o++] = 0x80 | ((unit >> 6) & 0x3f);
    out[o++] = 0x80 | (unit & 0x3f);
  }
  return o;
}
