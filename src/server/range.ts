import type { ByteRange } from '#oci/image';

const UNIT = 'bytes=';
const DIGITS = /^\d*$/;

/**
 * The one range of bytes that a Range header asks for (RFC 9110 §14.1.2). Takes time linear in the header's length:
 * anybody may send one.
 *
 * @param size of the whole, in bytes
 * @returns undefined where the whole is to be sent: no header, another unit, several ranges;
 *   `unsatisfiable` where no byte of the whole is in the range, or its ends are the wrong way round
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
 * @returns undefined where there is no header; `malformed` for anything but two numbers in order
 */
export function parseChunkRange(header: string | undefined): ByteRange | 'malformed' | undefined {
  if (header === undefined) return undefined;
  const match = /^(?:bytes\s+)?(\d{1,15})-(\d{1,15})(?:\/(?:\d{1,15}|\*))?$/i.exec(header.trim());
  if (match === null) return 'malformed';
  const [start, end] = [Number(match[1]), Number(match[2])];
  return start <= end ? { start, end } : 'malformed';
}
