/** A value that JSON can hold. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** A JSON object. */
export type JsonObject = { readonly [key: string]: JsonValue };

/**
 * A number that a double does not hold, spelt as it came: RFC 8785 has no form for it, and to round it would change
 * what the text says. It stands where a JsonValue stands, and only for texts that were read with `keepNumbers`.
 */
export class OutOfRangeNumber {
  readonly spelling: string;

  constructor(spelling: string) {
    this.spelling = spelling;
  }
}

const ARRAY_INDEX = /^(?:0|[1-9]\d{0,9})$/;

/**
 * The canonical text of a value by RFC 8785 (JCS): members in UTF-16 order, no white space, ECMAScript numbers.
 * Native JSON.stringify writes strings and numbers just so; what is ours is the order of members.
 *
 * @throws TypeError for undefined, functions, bigints, non-finite numbers and lone surrogates
 */
export function canonicalText(value: JsonValue): string {
  const sorted = sortMembers(value);
  return sorted === UNSORTABLE ? write(value) : JSON.stringify(sorted);
}

/** The UTF-8 bytes of canonicalText. */
export function encodeCanonical(value: JsonValue): Uint8Array {
  return Buffer.from(canonicalText(value), 'utf8');
}

/** Stands for a value that no object can hold in canonical order, since objects put index-like keys first. */
const UNSORTABLE = Symbol('unsortable');

type Sorted = JsonValue | typeof UNSORTABLE;

function sortMembers(value: JsonValue): Sorted {
  if (typeof value === 'string') return checkString(value);
  if (typeof value === 'number') return checkNumber(value);
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value !== 'object') throw new TypeError(`not a JSON value: ${typeof value}`);
  if (value instanceof OutOfRangeNumber) return UNSORTABLE;
  return Array.isArray(value) ? sortItems(value) : sortObject(value as JsonObject);
}

function sortItems(items: readonly JsonValue[]): Sorted {
  const result: JsonValue[] = new Array(items.length);
  for (let i = 0; i < items.length; i++) {
    const item = sortMembers(items[i] as JsonValue);
    if (item === UNSORTABLE) return UNSORTABLE;
    result[i] = item;
  }
  return result;
}

function sortObject(object: JsonObject): Sorted {
  const keys = Object.keys(object);
  if (!inOrder(keys)) keys.sort();
  const result: Record<string, JsonValue> = {};
  for (const key of keys) {
    if (key === '__proto__' || ARRAY_INDEX.test(key)) return UNSORTABLE;
    const member = sortMembers(object[key] as JsonValue);
    if (member === UNSORTABLE) return UNSORTABLE;
    result[checkString(key)] = member;
  }
  return result;
}

function inOrder(keys: readonly string[]): boolean {
  for (let i = 1; i < keys.length; i++) {
    if ((keys[i - 1] as string) > (keys[i] as string)) return false;
  }
  return true;
}

/** The plain way: right for every key, several times slower. */
function write(value: JsonValue): string {
  if (typeof value === 'string') return JSON.stringify(checkString(value));
  if (typeof value === 'number') return JSON.stringify(checkNumber(value));
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value !== 'object') throw new TypeError(`not a JSON value: ${typeof value}`);
  if (value instanceof OutOfRangeNumber) return value.spelling;
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`;
  const object = value as JsonObject;
  const members = Object.keys(object)
    .sort()
    .map((key) => `${JSON.stringify(checkString(key))}:${write(object[key] as JsonValue)}`);
  return `{${members.join(',')}}`;
}

function checkString(text: string): string {
  if (!text.isWellFormed()) throw new TypeError('lone surrogate in a string');
  return text;
}

function checkNumber(value: number): number {
  if (!Number.isFinite(value)) throw new TypeError(`not a JSON number: ${value}`);
  return value;
}
