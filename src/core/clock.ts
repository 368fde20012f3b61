import { CodedError } from './errors.ts';
import { trimEndOf } from './trim.ts';

/** Where the present comes from. Only what varies per run may ask it: nothing that reaches a bundle. */
export interface Clock {
  now(): Date;
}

/** The machine's clock. */
export const systemClock: Clock = { now: () => new Date() };

/** A point in time as RFC 3339 text in UTC, `Z`, with up to nine fraction digits and no trailing zero among them. */
export type Instant = string & { readonly __brand: 'Instant' };

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** The instant that `text` spells, normalised to UTC; undefined when it is not RFC 3339 or no real date. */
export function instantFrom(text: string): Instant | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const utc = new Date(0);
  utc.setUTCFullYear(year, month - 1, day);
  const real = utc.getUTCMonth() === month - 1 && utc.getUTCDate() === day;
  if (!real || hour > 23 || minute > 59 || second > 59) return undefined;
  const offset = Number(match[9] ?? 0) * 60 + Number(match[10] ?? 0);
  if (Number(match[9] ?? 0) > 23 || Number(match[10] ?? 0) > 59) return undefined;
  utc.setUTCHours(hour, minute - (match[8] === '-' ? -offset : offset), second);
  if (utc.getUTCFullYear() < 0 || utc.getUTCFullYear() > 9999) return undefined;
  const fraction = trimEndOf(match[7] ?? '', '0');
  return `${utc.toISOString().slice(0, 19)}${fraction === '' ? '' : `.${fraction}`}Z` as Instant;
}

/**
 * The instant that `text` spells.
 *
 * @throws CodedError ERR_EXPORT_USAGE when it spells none
 */
export function parseInstant(text: string): Instant {
  const instant = instantFrom(text);
  if (instant !== undefined) return instant;
  throw new CodedError('ERR_EXPORT_USAGE', `not an RFC 3339 time: ${JSON.stringify(text.slice(0, 100))}`, {
    hint: 'write it as 2026-08-22T00:00:00Z',
  });
}

/** The instant of a Date, to the second. */
export function instantOf(date: Date): Instant {
  return `${date.toISOString().slice(0, 19)}Z` as Instant;
}

/** Orders instants in time. */
export function compareInstants(a: Instant, b: Instant): number {
  const [x, y] = [orderKey(a), orderKey(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** `.` and `Z` would order a whole second after its fractions; without the `Z` text order is time order. */
function orderKey(instant: Instant): string {
  return instant.slice(0, -1);
}

/** The instant `seconds` later; its fraction stays. */
export function addSeconds(instant: Instant, seconds: number): Instant {
  const whole = new Date(`${instant.slice(0, 19)}Z`);
  return `${new Date(whole.getTime() + seconds * 1000).toISOString().slice(0, 19)}${instant.slice(19)}` as Instant;
}

const DURATION = /^(\d{1,6})(s|m|h|d)$/;
const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/**
 * Seconds in a duration such as `90s`, `30m`, `24h`, `7d`.
 *
 * @throws CodedError ERR_EXPORT_USAGE for any other form, and for zero
 */
export function parseDuration(text: string): number {
  const match = DURATION.exec(text);
  const seconds = match === null ? 0 : Number(match[1]) * SECONDS[match[2] as keyof typeof SECONDS];
  if (seconds > 0) return seconds;
  throw new CodedError('ERR_EXPORT_USAGE', `not a valid duration: ${JSON.stringify(text.slice(0, 100))}`, {
    hint: 'write a whole number and a unit: 90s, 30m, 24h or 7d',
  });
}
