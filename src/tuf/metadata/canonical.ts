import type { JsonValue } from '#core';

/** What canonical JSON may hold here: printable ASCII, and the line feeds of PEM texts. */
const ALLOWED = /^[\n\x20-\x7e]*$/;

/**
 * OLPC canonical JSON, which TUF signs: members in order, no white space, only `"` and `\` escaped, integers only.
 * Restricted to what all implementations encode alike: ASCII without control characters except the line feeds of PEM
 * texts, and integers up to 2^53 - 1.
 *
 * @throws RangeError for any other text or number
 */
export function encodeOlpc(value: JsonValue): Uint8Array {
  return Buffer.from(textOf(value), 'latin1');
}

function textOf(value: JsonValue): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number') return integer(value);
  if (value === null || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return `[${(value as readonly JsonValue[]).map(textOf).join(',')}]`;
  const members = Object.entries(value as { readonly [key: string]: JsonValue });
  // Code units of ASCII sort as code points and as bytes.
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${quoted(key)}:${textOf(member)}`).join(',')}}`;
}

function quoted(text: string): string {
  if (!ALLOWED.test(text)) throw new RangeError('a text that is not plain ASCII');
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

function integer(value: number): string {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw new RangeError('a number that is not a safe integer');
  return String(value);
}
