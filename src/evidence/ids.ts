import type { JsonObject } from '#core';
import { itemsOf } from './formats/value.ts';

/**
 * The names by which an advisory is known, the same for every use: its id, then its `aliases` and the vulnerabilities
 * that it passes on (`upstream`), each once.
 */
export function idsOfAdvisory(advisory: JsonObject): readonly string[] {
  const names = [advisory['id'], ...itemsOf(advisory, 'aliases'), ...itemsOf(advisory, 'upstream')];
  return [...new Set(names.filter((name) => typeof name === 'string'))];
}
