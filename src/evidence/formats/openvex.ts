import type { JsonObject } from '#core';
import { array, type Check, type Fault, fault, filled, oneOf, positive, text, textThat } from './check.ts';
import { type Found, ObjectCheck, object } from './object-check.ts';
import { timestamp } from './timestamp.ts';

const CONTEXT = 'https://openvex.dev/ns';
const VERSION = 'https://openvex.dev/ns/v0.2.0';

const identifiers = object({ purl: filled, cpe22: filled, cpe23: filled, '@cpe22': filled, '@cpe23': filled });

const hashes = object({
  md5: filled,
  sha1: filled,
  'sha-256': filled,
  'sha-384': filled,
  'sha-512': filled,
  'sha3-224': filled,
  'sha3-256': filled,
  'sha3-384': filled,
  'sha3-512': filled,
  'blake2s-256': filled,
  'blake2b-256': filled,
  'blake2b-512': filled,
});

const subcomponent = object({ '@id': filled, identifiers, hashes });
const product = object({ '@id': filled, identifiers, hashes, subcomponents: array(subcomponent) });

const vulnerability = object(
  { '@id': filled, name: filled, description: text, aliases: array(filled) },
  { required: ['name'] },
);

const statement = object(
  {
    '@id': filled,
    version: positive,
    vulnerability,
    timestamp,
    last_updated: timestamp,
    products: array(product),
    status: oneOf('not_affected', 'affected', 'fixed', 'under_investigation'),
    supplier: text,
    status_notes: text,
    justification: oneOf(
      'component_not_present',
      'vulnerable_code_not_present',
      'vulnerable_code_not_in_execute_path',
      'vulnerable_code_cannot_be_controlled_by_adversary',
      'inline_mitigations_already_exist',
    ),
    impact_statement: filled,
    action_statement: filled,
    action_statement_timestamp: timestamp,
  },
  { required: ['vulnerability', 'status'], whole: checkReason },
);

/**
 * not_affected needs a justification or an impact statement, affected an action statement. The JSON Schema of 0.2.0
 * wants exactly one of the first two, but its specification wants at least one, and most published documents have both.
 */
function checkReason(found: Found): Fault | undefined {
  const status = found.text('status');
  if (status === 'not_affected' && !found.has('justification') && !found.has('impact_statement')) {
    return fault('"not_affected" needs "justification" or "impact_statement"');
  }
  return status === 'affected' && !found.has('action_statement')
    ? fault('"affected" needs "action_statement"')
    : undefined;
}

const context: Check = textThat((value) => value === VERSION, `context of OpenVEX 0.2.0, ${VERSION}`);

/** Checks a document against OpenVEX 0.2.0. Unknown members are refused, as its schema does. */
export const openVexDocument = new ObjectCheck(
  {
    '@context': context,
    '@id': filled,
    author: filled,
    role: text,
    timestamp,
    last_updated: timestamp,
    version: positive,
    tooling: text,
    statements: array(statement, 1),
  },
  { required: ['@context', '@id', 'author', 'timestamp', 'version', 'statements'] },
);

/** Whether an object means to be an OpenVEX document, of any version. */
export function looksLikeOpenVex(value: JsonObject): boolean {
  const found = value['@context'];
  return typeof found === 'string' && found.startsWith(CONTEXT);
}
