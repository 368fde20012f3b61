import { instantFrom } from '#core';
import { type Check, fault, quote } from './check.ts';

const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** An OSV timestamp: RFC 3339 in UTC with `Z`, seconds required, any number of fraction digits. */
export const utcTimestamp: Check = (value) => {
  if (typeof value !== 'string') return fault('expected a timestamp as a string');
  return isUtcTimestamp(value)
    ? undefined
    : fault(`${quote(value)} is no RFC 3339 time in UTC, such as 2026-08-22T00:00:00Z`);
};

/** An RFC 3339 timestamp with any offset. */
export const timestamp: Check = (value) => {
  if (typeof value !== 'string') return fault('expected a timestamp as a string');
  return instantFrom(value) === undefined ? fault(`${quote(value)} is no RFC 3339 time`) : undefined;
};

/** Reads the digits one by one: three timestamps a record make a regular expression felt. */
function isUtcTimestamp(text: string): boolean {
  const marks =
    text[4] === '-' &&
    text[7] === '-' &&
    text[10] === 'T' &&
    text[13] === ':' &&
    text[16] === ':' &&
    text.endsWith('Z');
  if (!marks || !isFraction(text)) return false;
  const [month, day] = [number(text, 5, 7), number(text, 8, 10)];
  const [hour, minute, second] = [number(text, 11, 13), number(text, 14, 16), number(text, 17, 19)];
  if (!(number(text, 0, 4) >= 0 && month >= 1 && month <= 12 && day >= 1)) return false;
  if (!(hour <= 23 && minute <= 59 && second <= 59)) return false;
  return day <= (DAYS[month - 1] as number) && (month !== 2 || day !== 29 || isLeap(number(text, 0, 4)));
}

function isFraction(text: string): boolean {
  const last = text.length - 1;
  if (last === 19) return true;
  if (text[19] !== '.' || last === 20) return false;
  for (let i = 20; i < last; i++) if (!(number(text, i, i + 1) >= 0)) return false;
  return true;
}

/** The number that the digits spell; NaN, below and above nothing, when they are none. */
function number(text: string, from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}
