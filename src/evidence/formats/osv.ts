import type { JsonObject } from '#core';
import { anyObject, array, type Check, type Fault, fault, filled, nullable, oneOf, text } from './check.ts';
import { type Found, ObjectCheck, object } from './object-check.ts';
import { id, uri } from './osv-text.ts';
import { severityEntry } from './severity-entry.ts';
import { utcTimestamp } from './timestamp.ts';

const REFERENCE_TYPES = [
  'ADVISORY',
  'ARTICLE',
  'DETECTION',
  'DISCUSSION',
  'REPORT',
  'FIX',
  'INTRODUCED',
  'GIT',
  'PACKAGE',
  'EVIDENCE',
  'WEB',
] as const;

const CREDIT_TYPES = [
  'FINDER',
  'REPORTER',
  'ANALYST',
  'COORDINATOR',
  'REMEDIATION_DEVELOPER',
  'REMEDIATION_REVIEWER',
  'REMEDIATION_VERIFIER',
  'TOOL',
  'SPONSOR',
  'OTHER',
] as const;

const EVENTS = ['introduced', 'fixed', 'last_affected', 'limit'] as const;

/** The events of a range: one thing each, the rules about all of them together on top. */
function eventsCheck(): Check {
  const kinds = new Set<string>();
  const event = object(
    { introduced: filled, fixed: filled, last_affected: filled, limit: filled },
    {
      whole: (found) => {
        let count = 0;
        for (const kind of EVENTS) {
          if (!found.has(kind)) continue;
          kinds.add(kind);
          count++;
        }
        return count === 1 ? undefined : fault('expected exactly one member in an event');
      },
    },
  );
  const events = array(event, 1);
  return (cursor) => {
    kinds.clear();
    const found = events(cursor);
    if (found !== undefined) return found;
    if (!kinds.has('introduced')) return fault('no event says "introduced"');
    return kinds.has('fixed') && kinds.has('last_affected')
      ? fault('"fixed" and "last_affected" exclude each other')
      : undefined;
  };
}

const range = object(
  {
    type: oneOf('GIT', 'SEMVER', 'ECOSYSTEM'),
    repo: filled,
    events: eventsCheck(),
    database_specific: anyObject,
  },
  { required: ['type', 'events'], open: true, whole: checkRange },
);

function checkRange(found: Found): Fault | undefined {
  return !found.has('repo') && found.text('type') === 'GIT' ? fault('a range of type GIT needs "repo"') : undefined;
}

const affected = object(
  {
    package: object({ ecosystem: filled, name: filled, purl: text }, { required: ['ecosystem', 'name'], open: true }),
    severity: nullable(array(severityEntry)),
    ranges: array(range),
    versions: array(filled),
    ecosystem_specific: anyObject,
    database_specific: anyObject,
  },
  { open: true },
);

/**
 * Checks an advisory against OSV 1.7 (schema 1.7.5). Closed where the schema is closed. Two of its lists stay open,
 * since they grow with every release and private advisories have names of their own: prefixes of ids and ecosystems.
 * Commits of GIT ranges need not be full hashes: published databases hold shortened ones, and nothing here reads them.
 */
export const osvRecord = new ObjectCheck(
  {
    schema_version: text,
    id,
    modified: utcTimestamp,
    published: utcTimestamp,
    withdrawn: utcTimestamp,
    aliases: nullable(array(text)),
    related: array(text),
    upstream: array(text),
    summary: text,
    details: text,
    severity: nullable(array(severityEntry)),
    affected: nullable(array(affected)),
    references: nullable(
      array(object({ type: oneOf(...REFERENCE_TYPES), url: uri }, { required: ['type', 'url'], open: true })),
    ),
    credits: array(
      object({ name: text, contact: array(text), type: oneOf(...CREDIT_TYPES) }, { required: ['name'], open: true }),
    ),
    database_specific: anyObject,
  },
  { required: ['id', 'modified'] },
);

const SIGNS = ['id', 'modified', 'schema_version', 'affected', 'published', 'withdrawn', 'aliases'] as const;

/** Whether an object means to be an OSV record, sound or not: it has at least two of the members that mark one. */
export function looksLikeOsv(value: JsonObject): boolean {
  return SIGNS.filter((name) => Object.hasOwn(value, name)).length >= 2;
}
