import type { JsonObject, JsonValue } from '#core';

/** Whether a value is an object, and no array or null. */
export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The items of a member that may be absent or null. */
export function itemsOf(value: JsonObject, member: string): readonly JsonValue[] {
  const items = value[member];
  return Array.isArray(items) ? (items as readonly JsonValue[]) : [];
}
