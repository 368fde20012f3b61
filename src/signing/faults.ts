import { CodedError, type JsonObject, type JsonValue, parseJsonObject } from '#core';

/** The error for a signature, an envelope or a statement of ours that is invalid. */
export function signatureInvalid(name: string, what: string, cause?: unknown): CodedError {
  return new CodedError('ERR_EXPORT_SIGNATURE_INVALID', `${name}: ${what}`, {
    hint: 'do not use the content; find out who damaged it; to sign again, delete this object and export again',
    details: { name },
    cause,
  });
}

/** parseJsonObject for what has to be valid: a text that is not strict JSON fails verification. */
export function parseSignedJson(bytes: Uint8Array, name: string): JsonObject {
  try {
    return parseJsonObject(bytes, name);
  } catch (cause) {
    throw signatureInvalid(name, `not strict JSON: ${(cause as Error).message}`, cause);
  }
}

/** The object itself if it has no member but these; cosign refuses unknown ones in the same places. */
export function onlyMembers(object: JsonObject, allowed: readonly string[], name: string): JsonObject {
  for (const key of Object.keys(object)) {
    if (!allowed.includes(key)) throw signatureInvalid(name, `unknown member ${JSON.stringify(key)}`);
  }
  return object;
}

/** The value if it is a JSON object, else undefined. */
export function asObject(value: JsonValue | undefined): JsonObject | undefined {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

/** The value if it is an array of JSON objects, else undefined. */
export function asObjects(value: JsonValue | undefined): readonly JsonObject[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items = (value as readonly JsonValue[]).map(asObject);
  return items.includes(undefined) ? undefined : (items as readonly JsonObject[]);
}

/** The value if it is a string, else undefined. */
export function asString(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
