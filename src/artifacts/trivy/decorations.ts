import type { JsonObject, JsonValue } from '#core';
import { type GoValue, goJson, objectOf } from './json.ts';

/** What a record carries of others about its vulnerability, as trivy shows it in the member `Custom` of a finding. */
export type Decorations = Readonly<Partial<Record<DecorationName, JsonValue>>>;

/** Known exploited (CISA's KEV catalogue), and the probability of exploitation (FIRST's EPSS). */
const NAMES = ['epss', 'kev'] as const;
type DecorationName = (typeof NAMES)[number];

/** Each advisory has its own copy of them; in characters. An entry of the catalogue takes less than a quarter. */
const MAX_DECORATION = 8192;

/** Decorations of a record, and the names of those that are too large or say nothing. */
export interface FoundDecorations {
  readonly decorations: Decorations | undefined;
  readonly unusable: readonly string[];
}

/** The members `kev` and `epss` of `database_specific`: an object, a number, a text or true. */
export function decorationsOf(record: JsonObject): FoundDecorations {
  const specific = objectOf(record, 'database_specific');
  const unusable: string[] = [];
  const found: Partial<Record<DecorationName, JsonValue>> = {};
  for (const name of NAMES) {
    const value = specific[name];
    if (value === undefined || value === null || value === false) continue;
    if (Array.isArray(value) || goJson(value as GoValue).length > MAX_DECORATION) unusable.push(name);
    else found[name] = value;
  }
  return { decorations: Object.keys(found).length > 0 ? found : undefined, unusable };
}

/** Of several records on one package and id each decoration of the first that has it. */
export function uniteDecorations(all: readonly (Decorations | undefined)[]): Decorations | undefined {
  const united: Decorations = {};
  for (const each of all.toReversed()) Object.assign(united, each);
  const names = NAMES.filter((name) => united[name] !== undefined);
  return names.length === 0 ? undefined : Object.fromEntries(names.map((name) => [name, united[name]]));
}
