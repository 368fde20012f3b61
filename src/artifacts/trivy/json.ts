import type { JsonObject, JsonValue } from '#core';

export { type GoValue, goJson } from '../go-json.ts';

/** The items of a member that should be a list; none where it is something else. */
export function listOf(object: JsonObject, member: string): readonly JsonValue[] {
  const value = object[member];
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}

/** The strings among the items of a member. */
export function textsOf(object: JsonObject, member: string): string[] {
  const texts: string[] = [];
  for (const item of listOf(object, member)) {
    if (typeof item === 'string') texts.push(item);
  }
  return texts;
}

/** An object in a list, with its place. */
export interface Item {
  readonly item: JsonObject;
  readonly index: number;
}

/** The objects among the items of a member. */
export function objectsOf(object: JsonObject, member: string): Item[] {
  const items = listOf(object, member);
  const objects: Item[] = [];
  for (let index = 0; index < items.length; index++) {
    const item = items[index];
    if (isObject(item)) objects.push({ item, index });
  }
  return objects;
}

/** A member that should be a string; empty where it is something else. */
export function textOf(object: JsonObject, member: string): string {
  const value = object[member];
  return typeof value === 'string' ? value : '';
}

/** A member that should be an object; an empty one where it is something else. */
export function objectOf(object: JsonObject, member: string): JsonObject {
  const value = object[member];
  return isObject(value) ? value : {};
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
