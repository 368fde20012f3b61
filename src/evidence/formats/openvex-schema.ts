import type { JsonObject } from '#core';
import {
  anyObject,
  array,
  type Check,
  filled,
  nullAsAbsent,
  oneOf,
  positive,
  text,
  textThat,
  tolerated,
} from './check.ts';
import { type Fault, fault } from './fault.ts';
import { type Found, ObjectCheck, object } from './object-check.ts';
import { timestamp } from './timestamp.ts';

const CONTEXT = 'https://openvex.dev/ns';
const VERSION = 'https://openvex.dev/ns/v0.2.0';

const name = tolerated(filled);
const identifiers = tolerated(
  object({ purl: name, cpe22: name, cpe23: name, '@cpe22': name, '@cpe23': name }, { open: true }),
);
const component = { '@id': name, identifiers, hashes: tolerated(anyObject) };
const subcomponents = tolerated(array(tolerated(object(component, { open: true }))));
const product = object({ ...component, subcomponents }, { open: true });

const vulnerability = object(
  { '@id': name, name: filled, description: tolerated(text), aliases: tolerated(array(name)) },
  { required: ['name'], open: true },
);

const statement = object(
  {
    '@id': name,
    version: tolerated(positive),
    vulnerability,
    timestamp: tolerated(timestamp),
    last_updated: tolerated(timestamp),
    products: nullAsAbsent(array(product)),
    status: oneOf('not_affected', 'affected', 'fixed', 'under_investigation'),
    supplier: tolerated(text),
    status_notes: tolerated(text),
    justification: tolerated(
      oneOf(
        'component_not_present',
        'vulnerable_code_not_present',
        'vulnerable_code_not_in_execute_path',
        'vulnerable_code_cannot_be_controlled_by_adversary',
        'inline_mitigations_already_exist',
      ),
    ),
    impact_statement: name,
    action_statement: name,
    action_statement_timestamp: tolerated(timestamp),
  },
  { required: ['vulnerability', 'status'], open: true, whole: checkReason },
);

/**
 * not_affected needs a justification or an impact statement, affected an action statement. The JSON Schema of 0.2.0
 * wants exactly one of the first two, but its specification wants at least one, and most published documents have both.
 * A word for a justification that 0.2.0 does not know is a reason as well.
 */
function checkReason(found: Found): Fault | undefined {
  const status = found.text('status');
  if (status === 'not_affected' && !found.hasText('justification') && !found.hasText('impact_statement')) {
    return fault('"not_affected" needs "justification" or "impact_statement"');
  }
  return status === 'affected' && !found.hasText('action_statement')
    ? fault('"affected" needs "action_statement"')
    : undefined;
}

const context: Check = textThat((value) => value === VERSION, `context of OpenVEX 0.2.0, ${VERSION}`);

/**
 * Checks a document against OpenVEX 0.2.0. Strict where it says who states what of which vulnerability and why; all
 * else may depart from it, and unknown members are ignored.
 */
export const openVexDocument = new ObjectCheck(
  {
    '@context': context,
    '@id': filled,
    author: filled,
    role: tolerated(text),
    timestamp,
    last_updated: tolerated(timestamp),
    version: positive,
    tooling: tolerated(text),
    statements: array(statement, 1),
  },
  { required: ['@context', '@id', 'author', 'timestamp', 'version', 'statements'], open: true },
);

/** Whether an object means to be an OpenVEX document, of any version. */
export function looksLikeOpenVex(value: JsonObject): boolean {
  const found = value['@context'];
  return typeof found === 'string' && found.startsWith(CONTEXT);
}
