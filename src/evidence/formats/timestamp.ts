import { addSeconds, type Instant, instantFrom } from '#core';
import { type Check, textThat } from './check.ts';
import { QUOTE } from './cursor.ts';

const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;
const [HYPHEN, DOT, ZERO, COLON, LETTER_T, LETTER_Z] = [0x2d, 0x2e, 0x30, 0x3a, 0x54, 0x5a];

/** What publishers write for a time beside RFC 3339: no seconds, no offset, no time of day, a space for the `T`. */
const LOOSE = /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(?::(\d\d)(\.\d+)?)?([Zz]|[+-]\d\d:?\d\d)?)?$/;

/**
 * The instant that a text means: RFC 3339, or a looser form of it, which is taken for UTC where it names no offset. A
 * leap second is the second that follows it. Undefined for text that means no time.
 */
export function readTime(text: string): Instant | undefined {
  if (isInstant(text)) return text;
  const strict = instantFrom(text);
  if (strict !== undefined) return strict;
  const match = LOOSE.exec(text);
  if (match === null) return undefined;
  const [, day = '', time = '00:00', second = '00', fraction = '', offset = 'Z'] = match;
  const zone = offset.length === 5 ? `${offset.slice(0, 3)}:${offset.slice(3)}` : offset;
  if (second !== '60') return instantFrom(`${day}T${time}:${second}${fraction}${zone}`);
  const before = instantFrom(`${day}T${time}:59${zone}`);
  return before && addSeconds(before, 1);
}

/** The time of an OSV record: RFC 3339 in UTC with `Z` by its schema, and any form that can be read in the wild. */
export const recordTime: Check = textThat(
  (value) => readTime(value) !== undefined,
  'time, such as 2026-08-22T00:00:00Z',
  isUtcTimestamp,
);

/** An RFC 3339 timestamp with any offset. */
export const timestamp: Check = textThat((value) => instantFrom(value) !== undefined, 'RFC 3339 time');

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{0,8}[1-9])?Z$/;

/** Whether a text surely is an instant as it stands: nearly every time in published records is. */
function isInstant(text: string): text is Instant {
  if (!INSTANT.test(text)) return false;
  const two = (at: number): number => text.charCodeAt(at) * 10 + text.charCodeAt(at + 1) - 11 * ZERO;
  const [month, day] = [two(5), two(8)];
  // Every month has 28 days.
  return month >= 1 && month <= 12 && day >= 1 && day <= 28 && two(11) <= 23 && two(14) <= 59 && two(17) <= 59;
}

/** Reads the digits one by one: three timestamps a record make a regular expression felt. */
function isUtcTimestamp(bytes: Uint8Array, from: number): boolean {
  const marked =
    bytes[from + 4] === HYPHEN &&
    bytes[from + 7] === HYPHEN &&
    bytes[from + 10] === LETTER_T &&
    bytes[from + 13] === COLON &&
    bytes[from + 16] === COLON;
  if (!marked || !endsInZ(bytes, from + 19)) return false;
  const year = number(bytes, from, 4);
  const [month, day] = [number(bytes, from + 5, 2), number(bytes, from + 8, 2)];
  const [hour, minute, second] = [
    number(bytes, from + 11, 2),
    number(bytes, from + 14, 2),
    number(bytes, from + 17, 2),
  ];
  if (!(year >= 0 && month >= 1 && month <= 12 && day >= 1)) return false;
  if (!(hour <= 23 && minute <= 59 && second <= 59)) return false;
  return day <= (DAYS[month - 1] as number) && (month !== 2 || day !== 29 || isLeap(year));
}

function endsInZ(bytes: Uint8Array, from: number): boolean {
  let at = from;
  if (bytes[at] === DOT) {
    at++;
    while (number(bytes, at, 1) >= 0) at++;
    if (at === from + 1) return false;
  }
  return bytes[at] === LETTER_Z && bytes[at + 1] === QUOTE;
}

/** The number that the digits spell; NaN, neither below nor above anything, when they are none. */
function number(bytes: Uint8Array, from: number, length: number): number {
  let value = 0;
  for (let i = from; i < from + length; i++) {
    const digit = (bytes[i] as number) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}
