import type { JsonObject } from '#core';
import { itemsOf } from './formats/value.ts';

const MEMBERS = ['aliases', 'upstream'] as const;

/**
 * The names by which an advisory is known, the same for every use: its id, then its `aliases` and the vulnerabilities
 * that it passes on (`upstream`), each once.
 */
export function idsOfAdvisory(advisory: JsonObject): readonly string[] {
  const names: string[] = [];
  if (typeof advisory['id'] === 'string') names.push(advisory['id']);
  for (const member of MEMBERS) {
    for (const name of itemsOf(advisory, member)) if (typeof name === 'string') names.push(name);
  }
  // Nearly all have one or two, which need no set.
  const isDistinct = names.length < 2 || (names.length === 2 && names[0] !== names[1]);
  return isDistinct ? names : [...new Set(names)];
}
