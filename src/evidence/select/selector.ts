import { CodedError, compareText, type Instant, instantFrom } from '#core';
import type { Severity } from '../record-properties.ts';
import { spellEcosystem } from './ecosystems.ts';

/**
 * Which records are wanted: those that every clause lets through; a clause that is absent lets all through.
 * Normalised: lists in byte order without repetitions, ecosystems in OSV's spelling, times in UTC.
 */
export interface Selector {
  /** Ids, aliases or upstream ids of advisories; vulnerabilities that a VEX document speaks of. Case counts. */
  readonly ids?: readonly string[];
  /** Ecosystems, with or without a suffix: `npm`, `Debian`, `Debian:12`. */
  readonly ecosystems?: readonly string[];
  /** Names of packages, or globs (`*`, `?`) of names; within `ecosystems`, where both are there. */
  readonly packages?: readonly string[];
  /** `include` (as if absent), `exclude`, or `only` the records that are withdrawn. */
  readonly withdrawn?: 'include' | 'exclude' | 'only';
  /** Changed at this instant or later. */
  readonly modifiedSince?: Instant;
  /** Changed at this instant or before. */
  readonly modifiedUntil?: Instant;
  /** At least this severe. Records without a score stay. */
  readonly minimumSeverity?: Exclude<Severity, 'none'>;
}

/** The clauses in the order in which they are asked; what a record is left out for is the first that refuses. */
export const clauses = [
  'ids',
  'ecosystems',
  'packages',
  'withdrawn',
  'modifiedSince',
  'modifiedUntil',
  'minimumSeverity',
] as const;

/** One clause of a selector. */
export type Clause = (typeof clauses)[number];

const OPTIONS: Readonly<Record<Clause, string>> = {
  ids: '--id',
  ecosystems: '--ecosystem',
  packages: '--package',
  withdrawn: '--withdrawn',
  modifiedSince: '--modified-since',
  modifiedUntil: '--modified-until',
  minimumSeverity: '--min-severity',
};

/** What records are left out for, in words: how many by each clause, named as its option, or by each other reason. */
export function describeLeftOut(leftOut: Readonly<Record<string, number>>): string[] {
  return Object.entries(leftOut).map(([reason, count]) => `${count} by ${OPTIONS[reason as Clause] ?? reason}`);
}

const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;
const WITHDRAWN = ['include', 'exclude', 'only'] as const;
const MAX_ITEMS = 10_000;
/** As export.json holds it: no control characters. */
const ITEM = /^\P{Cc}{1,256}$/u;

/**
 * Parses a selector, as a file or a command line gives it.
 *
 * @throws CodedError ERR_EXPORT_SELECTOR_INVALID naming the clause
 */
export function parseSelector(input: unknown): Selector {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw invalid('', 'expected an object of clauses', `use the clauses ${clauses.join(', ')}`);
  }
  const given = input as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(given)) {
    if (clauses.includes(name as Clause)) continue;
    throw invalid(name, 'unknown clause', `use the clauses ${clauses.join(', ')}`);
  }
  const since = instantClause(given, 'modifiedSince');
  const until = instantClause(given, 'modifiedUntil');
  return definedOnly({
    ids: listClause(given, 'ids'),
    ecosystems: listClause(given, 'ecosystems', spellEcosystem),
    packages: listClause(given, 'packages'),
    withdrawn: wordClause(given, 'withdrawn', WITHDRAWN),
    modifiedSince: since,
    modifiedUntil: until,
    minimumSeverity: wordClause(given, 'minimumSeverity', SEVERITIES),
  });
}

function listClause(
  given: Readonly<Record<string, unknown>>,
  clause: Clause,
  spell: (item: string) => string = (item) => item,
): readonly string[] | undefined {
  const items = given[clause];
  if (items === undefined) return undefined;
  if (!Array.isArray(items) || items.length === 0 || items.length > MAX_ITEMS) {
    throw invalid(clause, `expected 1 to ${MAX_ITEMS} strings`, 'omit the clause to select all');
  }
  for (const item of items) {
    if (typeof item === 'string' && ITEM.test(item) && item.isWellFormed()) continue;
    throw invalid(
      clause,
      `${JSON.stringify(item)} is not a valid name`,
      'use 1 to 256 characters, no control characters',
    );
  }
  return [...new Set((items as string[]).map(spell))].sort(compareText);
}

function wordClause<Word extends string>(
  given: Readonly<Record<string, unknown>>,
  clause: Clause,
  words: readonly Word[],
): Word | undefined {
  const value = given[clause];
  if (value === undefined) return undefined;
  const word = words.find((known) => known === value);
  if (word !== undefined) return word;
  throw invalid(clause, `${JSON.stringify(value)} is not a valid value`, `use one of ${words.join(', ')}`);
}

function instantClause(given: Readonly<Record<string, unknown>>, clause: Clause): Instant | undefined {
  const value = given[clause];
  if (value === undefined) return undefined;
  const instant = typeof value === 'string' ? instantFrom(value) : undefined;
  if (instant !== undefined) return instant;
  throw invalid(clause, `${JSON.stringify(value)} is not a valid RFC 3339 time`, 'write it as 2026-08-22T00:00:00Z');
}

function invalid(clause: string, what: string, hint: string): CodedError {
  const where = clause === '' ? 'selector' : `selector clause ${JSON.stringify(clause.slice(0, 100))}`;
  return new CodedError('ERR_EXPORT_SELECTOR_INVALID', `${where}: ${what}`, { hint, details: { clause } });
}

/** The same object without the members that are undefined. */
function definedOnly<T extends object>(value: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}
