import type { JsonObject } from '#core';
import { type Check, textThat } from './check.ts';
import { BACKSLASH, QUOTE, SPACE } from './cursor.ts';

const MAX_ID = 256;
/** What a key of ours may be: it stands in lists, in names of files, and before a NUL in a digest. */
const ID = /^[^\p{Cc}\p{Zl}\p{Zp}]{1,256}$/u;
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:\S/;
const SCHEME_END = 0x3a;

/** Checks the id of an advisory. */
export const id: Check = textThat(isId, 'id: 1 to 256 characters, no control characters', (bytes, from) => {
  const length = asciiRun(bytes, from);
  return length > 0 && length <= MAX_ID && bytes[from + length] === QUOTE;
});

/** Checks a URI: a scheme and something after it, nowhere white space. */
export const uri: Check = textThat(
  (value) => SCHEME.test(value) && !/[\s\p{Cc}]/u.test(value),
  'URI',
  (bytes, from) => {
    let at = from;
    while (isSchemeByte(bytes[at] as number)) at++;
    if (at === from || bytes[at] !== SCHEME_END || !isLetter(bytes[from] as number)) return false;
    const length = asciiRun(bytes, at + 1);
    return length > 0 && bytes[at + 1 + length] === QUOTE;
  },
);

/** The id of an advisory that may be invalid; undefined when it has none that could name it. */
export function osvIdOf(value: JsonObject): string | undefined {
  const found = value['id'];
  return typeof found === 'string' && isId(found) ? found : undefined;
}

function isId(text: string): boolean {
  return ID.test(text) && /\S/.test(text);
}

/** How many of the next bytes are ASCII characters that show, and are not escaped. */
function asciiRun(bytes: Uint8Array, from: number): number {
  let at = from;
  for (let byte = bytes[at] as number; byte > SPACE && byte < 0x7f; byte = bytes[++at] as number) {
    if (byte === QUOTE || byte === BACKSLASH) break;
  }
  return at - from;
}

function isLetter(byte: number): boolean {
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}

function isSchemeByte(byte: number): boolean {
  return isLetter(byte) || (byte >= 0x30 && byte <= 0x39) || byte === 0x2b || byte === 0x2d || byte === 0x2e;
}
