// Generated from manifests-schema/health-status.schema.json by `npm run generate`: edit the schema, not this file.
import { CodedError, type JsonValue, parseJson } from '#core';
import { findFaults } from './health-status.validator.generated.ts';

/** Whether the server can do its work. */
export interface HealthStatus {
  readonly status: 'ok' | 'unavailable';
  /** Whether pushes and deletes are refused. */
  readonly readOnly: boolean;
}

/**
 * Reads a document that must conform to manifests-schema/health-status.schema.json.
 *
 * @param name what the document is called in an error (a file, an entry, a digest)
 * @throws CodedError ERR_EXPORT_JSON_INVALID, and ERR_EXPORT_SCHEMA as checkHealthStatus does
 */
export function parseHealthStatus(bytes: Uint8Array, name: string): HealthStatus {
  return checkHealthStatus(parseJson(bytes, name), name);
}

/**
 * The value itself, known to conform to manifests-schema/health-status.schema.json.
 *
 * @throws CodedError ERR_EXPORT_SCHEMA with all `faults` ({pointer, problem}) in its details
 */
export function checkHealthStatus(value: JsonValue, name: string): HealthStatus {
  const faults = findFaults(value);
  const [first] = faults;
  if (first === undefined) return value as unknown as HealthStatus;
  const more = faults.length === 1 ? '' : `, and ${faults.length - 1} more`;
  throw new CodedError('ERR_EXPORT_SCHEMA', `${name}: ${first.pointer || 'the document'} ${first.problem}${more}`, {
    hint: 'compare the document with manifests-schema/health-status.schema.json',
    details: { name, schema: 'health-status', faults },
  });
}
