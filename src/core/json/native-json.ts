import type { JsonValue } from './canonical-json.ts';
import { readExactJson } from './exact-json.ts';

const [TAB, LINE_FEED, RETURN, SPACE] = [0x09, 0x0a, 0x0d, 0x20];
const [QUOTE, COLON, BACKSLASH] = [0x22, 0x3a, 0x5c];

/*
 * The only module that calls native JSON.parse (scripts/lint/no-native-json.grit). V8 can take an escaped member name
 * for the name of a member of another text that it read before (nodejs/node issue 63785): after
 * `{"x":{"a":[],"\\\\":0}}` it reads `{"x":{"a":1,"\\n":2}}` as if the second name were a backslash. So a text with
 * a backslash in a member name is for readExactJson, and never for JSON.parse.
 */

/** How deep a text with an escaped member name may nest for parseKnownJson. */
const MAX_DEPTH = 512;

/**
 * The value of a JSON text, read as tolerantly as JSON.parse reads it (duplicate members, rounded numbers): for texts
 * that the strict reader has accepted or this program has written, and for answers of which only a message is shown.
 * Everything else is for parseJson.
 *
 * @throws SyntaxError or CodedError ERR_EXPORT_JSON_INVALID where the text is not JSON
 */
export function parseKnownJson(source: Uint8Array | string): JsonValue {
  const bytes = typeof source === 'string' ? Buffer.from(source, 'utf8') : bufferOf(source);
  const text = typeof source === 'string' ? source : bytes.toString('utf8');
  if (hasEscapedName(bytes)) return readExactJson(text, 'JSON text', MAX_DEPTH, 'tolerant');
  // biome-ignore lint/plugin: no name in it is escaped
  return JSON.parse(text) as JsonValue;
}

/**
 * What JSON.parse makes of a text; undefined where it refuses.
 *
 * @param text no member name in it may hold a backslash: see countMemberNames
 */
export function parseNative(text: string): JsonValue | undefined {
  try {
    // biome-ignore lint/plugin: for the caller to see that no name in it is escaped
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

/**
 * How many members the objects of a JSON text have, duplicates included; undefined where a member name holds a
 * backslash. Of a text that is not JSON the count means nothing, but undefined comes wherever a parser could have met
 * such a name before the fault.
 */
export function countMemberNames(bytes: Uint8Array): number | undefined {
  const length = bytes.length;
  let count = 0;
  let escaped = false;
  for (let i = 0; i < length; i++) {
    const byte = bytes[i];
    if (byte === COLON) {
      if (escaped) return undefined;
      count++;
    } else if (byte === QUOTE) {
      escaped = false;
      for (i++; i < length && bytes[i] !== QUOTE; i++) {
        if (bytes[i] !== BACKSLASH) continue;
        escaped = true;
        i++;
      }
    }
  }
  return count;
}

/** Whether a member name of a JSON text holds a backslash. Looks only at strings that hold one: JSON has it nowhere else. */
function hasEscapedName(bytes: Buffer): boolean {
  const length = bytes.length;
  for (let i = bytes.indexOf(BACKSLASH); i !== -1; i = bytes.indexOf(BACKSLASH, i)) {
    while (i < length && bytes[i] !== QUOTE) i += bytes[i] === BACKSLASH ? 2 : 1;
    do i++;
    while (isSpace(bytes[i]));
    if (bytes[i] === COLON) return true;
  }
  return false;
}

function isSpace(byte: number | undefined): boolean {
  return byte === SPACE || byte === LINE_FEED || byte === RETURN || byte === TAB;
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
