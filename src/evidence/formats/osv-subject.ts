import type { JsonObject } from '#core';
import { ratingOf, scoreOf } from '../cvss.ts';
import { type AffectedPackage, type Severity, type Subject, severities } from '../subject.ts';
import type { Found } from './object-check.ts';
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
  const dates = [modified, found.text('published'), found.text('withdrawn')].filter((date) => date !== undefined);
  // All are in UTC and of one form but for their fractions, which decide nothing but a tie within a second.
  return dates.sort().at(-1) as string;
}

/** What a selector asks of an advisory. */
export function subjectOfOsv(value: JsonObject): Subject {
  return {
    ids: () => [value['id'] as string, ...(itemsOf(value, 'aliases') as readonly string[])],
    packages: () => packagesOf(value),
    isWithdrawn: () => value['withdrawn'] !== undefined,
    severity: () => severityOfOsv(value),
  };
}

function* packagesOf(value: JsonObject): Iterable<AffectedPackage> {
  for (const affected of itemsOf(value, 'affected') as readonly JsonObject[]) {
    const found = affected['package'];
    if (isObject(found)) yield { ecosystem: found['ecosystem'] as string, name: found['name'] as string };
  }
}

/** Words that databases use in place of a score, in `database_specific.severity`. */
const WORDS: Readonly<Record<string, Severity>> = {
  negligible: 'low',
  low: 'low',
  moderate: 'medium',
  medium: 'medium',
  important: 'high',
  high: 'high',
  critical: 'critical',
};

/**
 * The highest rating among all vectors of an advisory, of the whole and of single packages; the words in
 * `database_specific.severity` count where there is no vector.
 */
function severityOfOsv(value: JsonObject): Severity | undefined {
  const parts = [value, ...(itemsOf(value, 'affected') as readonly JsonObject[])];
  return highest(parts.flatMap(ratingsOf)) ?? highest(parts.flatMap(wordsOf));
}

function ratingsOf(part: JsonObject): Severity[] {
  return (itemsOf(part, 'severity') as readonly JsonObject[]).flatMap((entry) => {
    const score = entry['score'] as string;
    if (entry['type'] === 'Ubuntu') return WORDS[score] ?? [];
    const scored = scoreOf(score);
    return scored === undefined ? [] : ratingOf(scored);
  });
}

function wordsOf(part: JsonObject): Severity[] {
  const specific = part['database_specific'];
  const word = isObject(specific) ? specific['severity'] : undefined;
  const rating = typeof word === 'string' ? WORDS[word.toLowerCase()] : undefined;
  return rating === undefined ? [] : [rating];
}

function highest(found: readonly Severity[]): Severity | undefined {
  return severities.findLast((severity) => found.includes(severity));
}
