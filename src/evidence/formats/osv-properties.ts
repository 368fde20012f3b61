import type { JsonObject } from '#core';
import { idsOfAdvisory } from '../ids.ts';
import type { AffectedPackage, RecordProperties } from '../record-properties.ts';
import { severityOfAdvisory } from '../severity.ts';
import type { Found } from './object-check.ts';
import { readTime } from './timestamp.ts';
import { isObject, itemsOf } from './value.ts';

/** Go's zero time: what a publisher writes who has no date. The Go database's own source does, in every record. */
const NO_DATE = '0001-01-01T00:00:00Z';

/**
 * When an advisory was last changed, as far as it says: `modified`; where that is no real date, the later of
 * `published` and `withdrawn`.
 */
export function modifiedOfOsv(found: Found): string {
  const modified = found.text('modified') as string;
  if (modified !== NO_DATE) return modified;
  let newest: string = modified;
  for (const member of ['published', 'withdrawn']) {
    const date = readTime(found.text(member) ?? '');
    // All are in UTC and of one form but for their fractions, which decide nothing but a tie within a second.
    if (date !== undefined && date > newest) newest = date;
  }
  return newest;
}

/** What a selector asks of an advisory. */
export function propertiesOfOsv(value: JsonObject): RecordProperties {
  return {
    ids: () => idsOfAdvisory(value),
    packages: () => packagesOf(value),
    isWithdrawn: () => typeof value['withdrawn'] === 'string' && readTime(value['withdrawn']) !== undefined,
    severity: () => severityOfAdvisory(value),
  };
}

function* packagesOf(value: JsonObject): Iterable<AffectedPackage> {
  for (const affected of itemsOf(value, 'affected').filter(isObject)) {
    const found = affected['package'];
    const { ecosystem, name } = isObject(found) ? found : {};
    if (typeof ecosystem === 'string' && typeof name === 'string') yield { ecosystem, name };
  }
}
