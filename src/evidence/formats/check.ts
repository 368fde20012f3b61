import type { JsonObject, JsonValue } from '#core';

/** What is wrong with a value, and where in it (RFC 6901; empty for the whole). */
export interface Fault {
  readonly pointer: string;
  readonly what: string;
}

/** Looks at a value; undefined when it is as it should be. Nothing is allocated on that way. */
export type Check = (value: JsonValue) => Fault | undefined;

/** What holds for an object beyond the checks of its members. */
export interface ObjectRules {
  readonly required?: readonly string[];
  /** Whether members that are not named may be there. */
  readonly open?: boolean;
  /** A check of the whole, once its members are sound. */
  readonly whole?: (object: JsonObject) => Fault | undefined;
}

/** A fault of the value itself. */
export function fault(what: string): Fault {
  return { pointer: '', what };
}

/** The same fault seen from one level up. */
export function within(step: string | number, inner: Fault): Fault {
  const name = String(step).replaceAll('~', '~0').replaceAll('/', '~1');
  return { pointer: `/${name}${inner.pointer}`, what: inner.what };
}

/** Checks an object member by member. */
export function object(members: Readonly<Record<string, Check>>, rules: ObjectRules = {}): Check {
  const checks = new Map(Object.entries(members));
  const { required = [], open = false, whole } = rules;
  return (value) => {
    if (!isObject(value)) return fault(`expected an object, found ${kindOf(value)}`);
    for (const name of required) {
      if (!Object.hasOwn(value, name)) return fault(`member ${JSON.stringify(name)} is missing`);
    }
    for (const name in value) {
      const check = checks.get(name);
      if (check === undefined) {
        if (open) continue;
        return within(name, fault('unknown member'));
      }
      const found = check(value[name] as JsonValue);
      if (found !== undefined) return within(name, found);
    }
    return whole?.(value);
  };
}

/** Checks every item of an array. */
export function array(item: Check, minimum = 0): Check {
  return (value) => {
    if (!isArray(value)) return fault(`expected an array, found ${kindOf(value)}`);
    if (value.length < minimum) return fault(`expected at least ${minimum} item(s), found ${value.length}`);
    for (let i = 0; i < value.length; i++) {
      const found = item(value[i] as JsonValue);
      if (found !== undefined) return within(i, found);
    }
    return undefined;
  };
}

/** Lets null pass. */
export function nullable(check: Check): Check {
  return (value) => (value === null ? undefined : check(value));
}

/** One of a closed list of words. */
export function oneOf(...words: readonly string[]): Check {
  const known = new Set(words);
  return (value) => {
    if (typeof value !== 'string') return fault(`expected a string, found ${kindOf(value)}`);
    return known.has(value) ? undefined : fault(`${quote(value)} is none of ${words.join(', ')}`);
  };
}

/** Any string. */
export const text: Check = (value) =>
  typeof value === 'string' ? undefined : fault(`expected a string, found ${kindOf(value)}`);

/** A string with something in it. */
export const filled: Check = (value) => (value === '' ? fault('expected a string that is not empty') : text(value));

/** An object of any content. */
export const anyObject: Check = (value) =>
  isObject(value) ? undefined : fault(`expected an object, found ${kindOf(value)}`);

/** A whole number from 1 up. */
export const positive: Check = (value) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 1
    ? undefined
    : fault(`expected a whole number from 1, found ${kindOf(value)}`);

/** Whether a value is an object, and no array or null. */
export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a value is an array. */
export function isArray(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** Text of a record in a message: quoted, so that control characters stay visible, and cut. */
export function quote(value: string): string {
  return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
}

function kindOf(value: JsonValue): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'string' ? quote(value) : `a value of type ${typeof value}`;
}
