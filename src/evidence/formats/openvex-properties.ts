import type { JsonObject } from '#core';
import { packageOfPurl } from '#versions';
import type { AffectedPackage, RecordProperties } from '../record-properties.ts';
import type { Found } from './object-check.ts';
import { isObject, itemsOf } from './value.ts';

/** When a document was last changed: `last_updated`, else `timestamp`. */
export function modifiedOfOpenVex(found: Found): string {
  return (found.text('last_updated') ?? found.text('timestamp')) as string;
}

/**
 * What a selector asks of a document. A document is one record and is kept or left out as a whole: it is about the
 * vulnerabilities and the packages (products and their subcomponents, by package URL) of all its statements.
 * OpenVEX knows neither withdrawal nor scores.
 */
export function propertiesOfOpenVex(value: JsonObject): RecordProperties {
  return {
    ids: () => idsOf(value),
    packages: () => packagesOf(value),
    isWithdrawn: () => false,
    severity: () => undefined,
  };
}

function* idsOf(value: JsonObject): Iterable<string> {
  yield value['@id'] as string;
  for (const statement of itemsOf(value, 'statements') as readonly JsonObject[]) {
    const vulnerability = statement['vulnerability'] as JsonObject;
    yield vulnerability['name'] as string;
    if (typeof vulnerability['@id'] === 'string') yield vulnerability['@id'];
    yield* itemsOf(vulnerability, 'aliases').filter((name) => typeof name === 'string');
  }
}

function* packagesOf(value: JsonObject): Iterable<AffectedPackage> {
  for (const statement of itemsOf(value, 'statements') as readonly JsonObject[]) {
    for (const product of itemsOf(statement, 'products') as readonly JsonObject[]) {
      yield* packagesOfComponent(product);
      for (const part of itemsOf(product, 'subcomponents').filter(isObject)) yield* packagesOfComponent(part);
    }
  }
}

function* packagesOfComponent(component: JsonObject): Iterable<AffectedPackage> {
  const identifiers = component['identifiers'];
  for (const purl of [component['@id'], isObject(identifiers) ? identifiers['purl'] : undefined]) {
    const found = typeof purl === 'string' ? packageOfPurl(purl) : undefined;
    if (found !== undefined) yield found;
  }
}
