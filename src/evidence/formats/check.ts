import { CLOSE_BRACKET, COMMA, type Cursor, LOWER_N, OPEN_BRACE, OPEN_BRACKET, QUOTE } from './cursor.ts';
import { type Fault, fault, within } from './fault.ts';

/**
 * Looks at the value at the cursor. Undefined when it is as it should be: the cursor then stands behind it. Nothing
 * is allocated on that way, since a feed has hundreds of thousands of records with dozens of members each.
 */
export type Check = (cursor: Cursor) => Fault | undefined;

/** Checks every item of an array. */
export function array(item: Check, minimum = 0): Check {
  return (cursor) => {
    if (cursor.peek() !== OPEN_BRACKET) return unexpected('an array', cursor);
    cursor.at++;
    let count = 0;
    while (cursor.peek() !== CLOSE_BRACKET) {
      const before = cursor.departures.length;
      const found = item(cursor);
      if (found !== undefined) return within(count, found);
      if (cursor.departures.length > before) cursor.placeDepartures(before, count);
      count++;
      if (cursor.peek() === COMMA) cursor.at++;
    }
    cursor.at++;
    return count < minimum ? fault(`expected at least ${minimum} item(s), found ${count}`) : undefined;
  };
}

/** Lets null pass. */
export function nullable(check: Check): Check {
  return (cursor) => {
    if (cursor.peek() !== LOWER_N) return check(cursor);
    cursor.at += 'null'.length;
    return undefined;
  };
}

/**
 * Lets a value pass that is not as it should be, and notes that: one that readers can do without, and leave out of what
 * they read.
 */
export function tolerated(check: Check): Check {
  return (cursor) => {
    const start = cursor.at;
    const before = cursor.departures.length;
    const found = check(cursor);
    if (found === undefined) return undefined;
    cursor.departures.length = before;
    cursor.depart(found);
    cursor.at = start;
    cursor.skip();
    return undefined;
  };
}

/** Lets null pass for a value that is not there, and notes that. */
export function nullAsAbsent(check: Check): Check {
  return (cursor) => {
    if (cursor.peek() !== LOWER_N) return check(cursor);
    cursor.depart(fault('null'));
    cursor.at += 'null'.length;
    return undefined;
  };
}

/** One of a closed list of words, which need no escape. */
export function oneOf(...words: readonly string[]): Check {
  const spelt = words.map((word) => spell(`"${word}"`));
  return (cursor) => {
    if (cursor.peek() !== QUOTE) return unexpected('a string', cursor);
    for (const word of spelt) {
      if (!matches(cursor, word)) continue;
      cursor.at += word.length;
      return undefined;
    }
    return fault(`${quote(cursor.textAt(cursor.at))} is not one of ${words.join(', ')}`);
  };
}

/** Any string. */
export const text: Check = (cursor) => {
  if (cursor.peek() !== QUOTE) return unexpected('a string', cursor);
  cursor.skipString();
  return undefined;
};

/** A string with something in it. */
export const filled: Check = (cursor) => {
  if (cursor.peek() === QUOTE && cursor.bytes[cursor.at + 1] === QUOTE)
    return fault('expected a string that is not empty');
  return text(cursor);
};

/** A string for which `isRight` holds; `isPlainlyRight` may say so from its bytes, to save making it a string. */
export function textThat(
  isRight: (value: string) => boolean,
  what: string,
  isPlainlyRight: (bytes: Uint8Array, from: number) => boolean = () => false,
): Check {
  return (cursor) => {
    const start = cursor.at;
    const found = text(cursor);
    if (found !== undefined || isPlainlyRight(cursor.bytes, start + 1)) return found;
    const value = cursor.textAt(start);
    return isRight(value) ? undefined : fault(`${quote(value)} is not a valid ${what}`);
  };
}

/** An object of any content. */
export const anyObject: Check = (cursor) => {
  if (cursor.peek() !== OPEN_BRACE) return unexpected('an object', cursor);
  cursor.skip();
  return undefined;
};

/** A whole number from 1 up. */
export const positive: Check = (cursor) => {
  const value = cursor.valueAt(cursor.at);
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) {
    return unexpected('a whole number from 1', cursor);
  }
  cursor.skip();
  return undefined;
};

/** Text of a record in a message: quoted, so that control characters stay visible, and cut. */
export function quote(value: string): string {
  return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
}

/** The fault of a value of another kind. */
export function unexpected(what: string, cursor: Cursor): Fault {
  return fault(`expected ${what}, found ${kindOf(cursor.valueAt(cursor.at))}`);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'string') return quote(value);
  return typeof value === 'object' ? 'an object' : String(value);
}

/** Whether the next bytes are these. */
export function matches(cursor: Cursor, spelt: Uint8Array): boolean {
  const { bytes, at } = cursor;
  for (let i = 0; i < spelt.length; i++) if (bytes[at + i] !== spelt[i]) return false;
  return true;
}

/** ASCII text as bytes, of the one kind of array that all loops here see. */
export function spell(ascii: string): Uint8Array {
  return Uint8Array.from(ascii, (char) => char.charCodeAt(0));
}
