// Generated from manifests-schema/api-problem.schema.json by `npm run generate`: edit the schema, not this file.
import { CodedError, type JsonValue, parseJson } from '#core';
import { findFaults } from './api-problem.validator.generated.ts';

/** Why a request failed: a problem document (RFC 9457). */
export interface ApiProblem {
  /** A URI that ends with the code. */
  readonly type: string;
  /** The reason phrase of the status. */
  readonly title: string;
  readonly status: number;
  /** What happened in this case. */
  readonly detail?: string;
  /** Stable: branch on it. */
  readonly code: string;
  /** The next step. */
  readonly hint?: string;
  /** Under which the server reports its own failures. */
  readonly requestId: string;
  /** Each fault of the request. */
  readonly errors?: readonly Fault[];
}

export interface Fault {
  /** The part of the request. */
  readonly in: 'body' | 'path' | 'query' | 'header';
  /** A JSON Pointer (RFC 6901) in that part. */
  readonly pointer: string;
  readonly detail: string;
}

/**
 * Reads a document that must conform to manifests-schema/api-problem.schema.json.
 *
 * @param name what the document is called in an error (a file, an entry, a digest)
 * @throws CodedError ERR_EXPORT_JSON_INVALID, and ERR_EXPORT_SCHEMA as checkApiProblem does
 */
export function parseApiProblem(bytes: Uint8Array, name: string): ApiProblem {
  return checkApiProblem(parseJson(bytes, name), name);
}

/**
 * The value itself, known to conform to manifests-schema/api-problem.schema.json.
 *
 * @throws CodedError ERR_EXPORT_SCHEMA with all `faults` ({pointer, problem}) in its details
 */
export function checkApiProblem(value: JsonValue, name: string): ApiProblem {
  const faults = findFaults(value);
  const [first] = faults;
  if (first === undefined) return value as unknown as ApiProblem;
  const more = faults.length === 1 ? '' : `, and ${faults.length - 1} more`;
  throw new CodedError('ERR_EXPORT_SCHEMA', `${name}: ${first.pointer || 'the document'} ${first.problem}${more}`, {
    hint: 'compare the document with manifests-schema/api-problem.schema.json',
    details: { name, schema: 'api-problem', faults },
  });
}
