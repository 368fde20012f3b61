import type { JsonObject } from '#core';
import { anyObject, array, type Check, filled, nullAsAbsent, nullable, oneOf, text, tolerated } from './check.ts';
import { type Fault, fault, within } from './fault.ts';
import { type Found, ObjectCheck, object } from './object-check.ts';
import { id, uri } from './osv-text.ts';
import { severityEntry } from './severity-entry.ts';
import { recordTime } from './timestamp.ts';

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

/** The events of a range, at least one of them a beginning. An event that says two things is read as two. */
function eventsCheck(): Check {
  let hasBeginning = false;
  const version = nullable(filled);
  const event = object(
    { introduced: version, fixed: version, last_affected: version, limit: version },
    {
      open: true,
      whole: (found) => {
        hasBeginning ||= found.hasText('introduced');
        return undefined;
      },
    },
  );
  const events = array(event, 1);
  return (cursor) => {
    hasBeginning = false;
    return events(cursor) ?? (hasBeginning ? undefined : fault('no event has "introduced"'));
  };
}

const range = object(
  {
    type: tolerated(oneOf('GIT', 'SEMVER', 'ECOSYSTEM')),
    repo: tolerated(filled),
    events: eventsCheck(),
    database_specific: tolerated(anyObject),
  },
  { required: ['events'], open: true },
);

const severities = tolerated(nullable(array(tolerated(severityEntry))));
const texts = tolerated(array(tolerated(text)));

const affected = object(
  {
    package: tolerated(
      object(
        { ecosystem: filled, name: filled, purl: tolerated(text) },
        { required: ['ecosystem', 'name'], open: true },
      ),
    ),
    severity: severities,
    ranges: nullAsAbsent(array(nullAsAbsent(range))),
    versions: tolerated(array(tolerated(filled))),
    ecosystem_specific: tolerated(anyObject),
    database_specific: tolerated(anyObject),
  },
  { open: true },
);

const reference = object({ type: oneOf(...REFERENCE_TYPES), url: uri }, { required: ['type', 'url'], open: true });
const credit = object(
  { name: text, contact: array(text), type: oneOf(...CREDIT_TYPES) },
  { required: ['name'], open: true },
);

/** What every record has, and records of other formats may have too. */
const COMMON = ['id', 'modified'] as const;

const members = {
  schema_version: tolerated(text),
  id,
  modified: recordTime,
  published: tolerated(recordTime),
  withdrawn: tolerated(recordTime),
  aliases: tolerated(nullable(array(tolerated(text)))),
  related: texts,
  upstream: texts,
  summary: tolerated(text),
  details: tolerated(text),
  severity: severities,
  affected: nullable(array(nullAsAbsent(affected))),
  references: tolerated(nullable(array(tolerated(reference)))),
  credits: tolerated(array(tolerated(credit))),
  database_specific: tolerated(anyObject),
};

const OWN = Object.keys(members).filter((name) => !COMMON.some((common) => common === name));

/** Of a record with nothing that only OSV has, an unknown member says that it is of another format. */
function checkOwn(found: Found): Fault | undefined {
  const unknown = found.unknown();
  if (unknown === undefined || OWN.some((name) => found.has(name))) return undefined;
  return within(unknown, fault('unknown member, and none of those that only OSV has'));
}

/**
 * Checks an advisory against OSV 1 (schema 1.7.5). What has to be as the schema says is what no reader can do without:
 * `id`, `modified`, and the ranges. Everything else may depart from it, which is noted, and members that it does not
 * name are ignored, as OSV wants it of clients (schema, "schema_version"). Prefixes of ids and ecosystems are open lists;
 * commits of GIT ranges need not be full hashes, since published databases hold shortened ones.
 */
export const osvRecord = new ObjectCheck(members, { required: COMMON, open: true, whole: checkOwn });

const SIGNS = ['id', 'modified', 'schema_version', 'affected', 'published', 'withdrawn', 'aliases'] as const;

/** Whether an object means to be an OSV record, valid or not: it has at least two of the members that mark one. */
export function looksLikeOsv(value: JsonObject): boolean {
  return SIGNS.filter((name) => Object.hasOwn(value, name)).length >= 2;
}
