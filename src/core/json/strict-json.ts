import { CodedError } from '../errors.ts';
import type { JsonObject, JsonValue } from './canonical-json.ts';
import { readExactJson } from './exact-json.ts';
import { countMemberNames, parseNative } from './native-json.ts';

/** What a JSON text may cost. */
export interface JsonLimits {
  /** How deep arrays and objects may nest; default: 128. */
  readonly maxDepth?: number;
  /** Size of the text in bytes; default: 16 MiB. */
  readonly maxBytes?: number;
  /** Let numbers pass that a double does not hold, as OutOfRangeNumber; default: they are refused. */
  readonly keepNumbers?: boolean;
  /**
   * Whether the exact reader may read texts that the native one could misread; default: true. Without it such a text is
   * refused at once, even if it is valid and only has an escaped member name, and the error does not say where.
   */
  readonly mayReadExactly?: boolean;
}

/**
 * The value of a JSON text (RFC 8259) that no two readers can understand differently: no duplicate member,
 * no invalid UTF-8, no byte order mark, no lone surrogate, no integer beyond 2^53 - 1, no number beyond a double.
 *
 * Native JSON.parse does the work and counts prove that it lost nothing; where they do not agree, the exact reader
 * reads the text again and either finds the fault and its place, or gives the value. Texts with a backslash in a member
 * name are for the exact reader alone: see native-json.ts.
 *
 * @param name what the text is called in an error (a file, an entry, a digest)
 * @throws CodedError ERR_EXPORT_JSON_INVALID with `pointer` (RFC 6901) and `offset` (in UTF-16 units) in its details
 */
export function parseJson(bytes: Uint8Array, name: string, limits: JsonLimits = {}): JsonValue {
  const { maxDepth, maxBytes, keepNumbers, mayReadExactly } = resolveLimits(limits);
  if (bytes.byteLength > maxBytes) {
    throw new CodedError(
      'ERR_EXPORT_JSON_INVALID',
      `${name}: ${bytes.byteLength} bytes of JSON, more than ${maxBytes}`,
      {
        hint: 'split the document, or withhold it',
        details: { name, pointer: '', sizeBytes: bytes.byteLength, maxBytes },
      },
    );
  }
  const text = decodeUtf8(bytes, name);
  const written = countMemberNames(bytes);
  const value = written === undefined ? undefined : parseNative(text);
  if (value !== undefined && countMembers(value, maxDepth) === written) return value;
  if (!mayReadExactly) {
    throw new CodedError(
      'ERR_EXPORT_JSON_INVALID',
      `${name}: not well-formed JSON, or a duplicate or escaped member name; the text is too large to say where`,
      { hint: 'write it again without duplicate and escaped member names', details: { name, pointer: '' } },
    );
  }
  return readExactJson(text, name, maxDepth, keepNumbers ? 'keepNumbers' : 'strict');
}

/** The limits with their defaults filled in. */
export function resolveLimits(limits: JsonLimits): Required<JsonLimits> {
  return {
    maxDepth: limits.maxDepth ?? 128,
    maxBytes: limits.maxBytes ?? 16 * 1024 * 1024,
    keepNumbers: limits.keepNumbers ?? false,
    mayReadExactly: limits.mayReadExactly ?? true,
  };
}

/** parseJson for a text whose top must be an object. */
export function parseJsonObject(bytes: Uint8Array, name: string, limits: JsonLimits = {}): JsonObject {
  const value = parseJson(bytes, name, limits);
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as JsonObject;
  throw new CodedError('ERR_EXPORT_JSON_INVALID', `${name}: expected a JSON object at the top`, {
    hint: 'check that this is the file you meant',
    details: { name, pointer: '' },
  });
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text that strict UTF-8 spells; a byte order mark stays and is then no JSON. */
function decodeUtf8(bytes: Uint8Array, name: string): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new CodedError('ERR_EXPORT_JSON_INVALID', `${name}: not valid UTF-8`, {
      hint: 'convert the file to UTF-8 without a byte order mark',
      details: { name, pointer: '' },
      cause,
    });
  }
}

/** Members of all objects in `value`; NaN, equal to no count, as soon as anything needs the exact reader. */
function countMembers(value: JsonValue, depthLeft: number): number {
  if (typeof value === 'string') return value.isWellFormed() ? 0 : Number.NaN;
  if (typeof value === 'number') return Math.abs(value) <= Number.MAX_SAFE_INTEGER ? 0 : Number.NaN;
  if (value === null || typeof value !== 'object') return 0;
  if (depthLeft === 0) return Number.NaN;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value as readonly JsonValue[]) count += countMembers(item, depthLeft - 1);
    return count;
  }
  const object = value as JsonObject;
  for (const key in object) {
    if (!key.isWellFormed()) return Number.NaN;
    count += 1 + countMembers(object[key] as JsonValue, depthLeft - 1);
  }
  return count;
}
