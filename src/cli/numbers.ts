import { CodedError } from '#core';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** A byte count as a person reads it: `512 B`, `1.4 MiB`. */
export function formatBytes(sizeBytes: number): string {
  let value = sizeBytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

const SIZE = /^(\d{1,15})(?:\.(\d{1,9}))? ?([kKMGT]?B|[KMGT]iB)?$/;
const POWERS = ['', 'K', 'M', 'G', 'T'];

/**
 * A size as people write it, in bytes: `4.7GB`, `650 MiB`, `1000`. `kB`, `MB`, `GB` and `TB` are decimal, as media are
 * sold.
 *
 * @throws CodedError ERR_EXPORT_USAGE for another form, a fraction without a unit, or less than a byte
 */
export function parseSize(text: string): number {
  const [, whole = '', fraction = '', unit = fraction === '' ? 'B' : 'none'] = SIZE.exec(text) ?? [];
  const power = POWERS.indexOf(unit.replace(/i?B$/, '').toUpperCase());
  const size = Math.floor(Number(`${whole}.${fraction}`) * (unit.includes('i') ? 1024 : 1000) ** power);
  if (whole !== '' && size >= 1 && Number.isSafeInteger(size)) return size;
  throw new CodedError('ERR_EXPORT_USAGE', `not a size: ${JSON.stringify(text.slice(0, 100))}`, {
    hint: 'write a number and a unit, such as 4.7GB or 650MiB',
  });
}

/** A count with its thousands apart: `201,608`. The same on every machine, whatever its locale. */
export function formatCount(count: number): string {
  const digits = String(Math.round(count));
  const first = digits.length % 3 || 3;
  return [digits.slice(0, first), ...(digits.slice(first).match(/\d{3}/g) ?? [])].join(',');
}

/** Seconds as a person reads them: `4 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** `1 record`, `2 records`. */
export function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : nouns}`;
}
