// Generated from manifests-schema/delta-request.schema.json by `npm run generate`: edit the schema, not this file.
import { CodedError, type Digest, type JsonValue, parseJson } from '#core';
import { findFaults } from './delta-request.validator.generated.ts';

/** What a kit is to be planned for. */
export interface DeltaRequest {
  /** The kit contains what any of the bases lacks; without bases, all of the snapshot. */
  readonly bases: readonly Base[];
}

/** Something that a zone has. Exactly one member. */
export interface Base {
  /** The manifest of a snapshot of this mirror. */
  readonly snapshot?: Digest;
  readonly receipt?: Envelope;
  /** HOST[:PORT][/PREFIX] of a registry that the operator allowed; it is asked for what it has. */
  readonly registry?: string;
}

/** A receipt of the zone, signed by a key that the operator allowed. */
export interface Envelope {
  readonly payloadType: string;
  readonly payload: string;
  readonly signatures: {
    readonly keyid?: string;
    readonly sig: string;
  }[];
}

/**
 * Reads a document that must conform to manifests-schema/delta-request.schema.json.
 *
 * @param name what the document is called in an error (a file, an entry, a digest)
 * @throws CodedError ERR_EXPORT_JSON_INVALID, and ERR_EXPORT_SCHEMA as checkDeltaRequest does
 */
export function parseDeltaRequest(bytes: Uint8Array, name: string): DeltaRequest {
  return checkDeltaRequest(parseJson(bytes, name), name);
}

/**
 * The value itself, known to conform to manifests-schema/delta-request.schema.json.
 *
 * @throws CodedError ERR_EXPORT_SCHEMA with all `faults` ({pointer, problem}) in its details
 */
export function checkDeltaRequest(value: JsonValue, name: string): DeltaRequest {
  const faults = findFaults(value);
  const [first] = faults;
  if (first === undefined) return value as unknown as DeltaRequest;
  const more = faults.length === 1 ? '' : `, and ${faults.length - 1} more`;
  throw new CodedError('ERR_EXPORT_SCHEMA', `${name}: ${first.pointer || 'the document'} ${first.problem}${more}`, {
    hint: 'compare the document with manifests-schema/delta-request.schema.json',
    details: { name, schema: 'delta-request', faults },
  });
}
