import type { JsonObject, JsonValue } from '#core';
import {
  anyObject,
  array,
  type Check,
  type Fault,
  fault,
  filled,
  isArray,
  isObject,
  nullable,
  object,
  oneOf,
  quote,
  text,
  within,
} from './check.ts';
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

const URI = /^[A-Za-z][A-Za-z0-9+.-]*:[^\s\p{Cc}]+$/u;
/** What a key of ours may be: it stands in lists, in file names of indexes, and before a NUL in a digest. */
const ID = /^[^\s\p{Cc}\p{Zl}\p{Zp}]{1,256}$/u;

const id: Check = (value) => {
  if (typeof value !== 'string') return text(value);
  return ID.test(value) ? undefined : fault(`${quote(value)} is no id: 1 to 256 characters, no white space`);
};

const uri: Check = (value) => {
  if (typeof value !== 'string') return text(value);
  return URI.test(value) ? undefined : fault(`${quote(value)} is no URI`);
};

const event = object(
  { introduced: filled, fixed: filled, last_affected: filled, limit: filled },
  {
    whole: (value) => (Object.keys(value).length === 1 ? undefined : fault('expected exactly one member in an event')),
  },
);

const range = object(
  {
    type: oneOf('GIT', 'SEMVER', 'ECOSYSTEM'),
    repo: filled,
    events: array(event, 1),
    database_specific: anyObject,
  },
  { required: ['type', 'events'], open: true, whole: checkRange },
);

/** The rules that the schema states about a range as a whole. */
function checkRange(value: JsonObject): Fault | undefined {
  const events = value['events'] as readonly JsonObject[];
  let [introduced, fixed, last] = [false, false, false];
  for (const one of events) {
    introduced ||= 'introduced' in one;
    fixed ||= 'fixed' in one;
    last ||= 'last_affected' in one;
  }
  if (!introduced) return within('events', fault('no event says "introduced"'));
  if (fixed && last) return within('events', fault('"fixed" and "last_affected" exclude each other'));
  return value['type'] === 'GIT' && value['repo'] === undefined ? fault('a range of type GIT needs "repo"') : undefined;
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
export const checkOsv: Check = object(
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

/** The id of an advisory that may be unsound; undefined when it has none that could name it. */
export function osvIdOf(value: JsonValue): string | undefined {
  const found = isObject(value) ? value['id'] : undefined;
  return typeof found === 'string' && ID.test(found) ? found : undefined;
}

/** The items of a member that may be absent or null. */
export function itemsOf(value: JsonObject, member: string): readonly JsonValue[] {
  const items = value[member];
  return isArray(items) ? items : [];
}
