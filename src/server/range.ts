import type { ByteRange } from '#oci/image';

const UNIT = 'bytes=';
const DIGITS = /^\d*$/;

/**
 * The single byte range of a Range header (RFC 9110 §14.1.2). Linear in the header's length.
 *
 * @param size of the whole, in bytes
 * @returns undefined if the whole is to be sent: no header, another unit, several ranges;
 *   `unsatisfiable` if the range is outside the whole, or its start is after its end
 */
export function parseRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  if (header === undefined || header.slice(0, UNIT.length).toLowerCase() !== UNIT) return undefined;
  const dash = header.indexOf('-');
  if (dash < 0) return undefined;
  const first = header.slice(UNIT.length, dash).trim();
  const last = header.slice(dash + 1).trim();
  if (!DIGITS.test(first) || !DIGITS.test(last) || (first === '' && last === '')) return undefined;
  if (first === '') {
    const count = Math.min(Number(last), size);
    return count === 0 ? 'unsatisfiable' : { start: size - count, end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return start >= size || start > end ? 'unsatisfiable' : { start, end };
}

/**
 * The range of a chunk of an upload, `START-END` (distribution-spec v1.1.1 spec.md#pushing-a-blob-in-chunks).
 *
 * @returns undefined without a header; `malformed` for anything but two numbers in order
 */
export function parseChunkRange(header: string | undefined): ByteRange | 'malformed' | undefined {
  if (header === undefined) return undefined;
  const match = /^(?:bytes\s+)?(\d{1,15})-(\d{1,15})(?:\/(?:\d{1,15}|\*))?$/i.exec(header.trim());
  if (match === null) return 'malformed';
  const [start, end] = [Number(match[1]), Number(match[2])];
  return start <= end ? { start, end } : 'malformed';
}
