import type { JsonObject } from '#core';
import { itemsOf } from './formats/value.ts';

const MEMBERS = ['aliases', 'upstream'] as const;

/**
 * The names by which an advisory is known, the same for every use: its id, then its `aliases` and the vulnerabilities
 * that it passes on (`upstream`), each once.
 */
export function idsOfAdvisory(advisory: JsonObject): readonly string[] {
  const names = new Set<string>();
  if (typeof advisory['id'] === 'string') names.add(advisory['id']);
  for (const member of MEMBERS) {
    for (const name of itemsOf(advisory, member)) if (typeof name === 'string') names.add(name);
  }
  return [...names];
}
