// Generated from manifests-schema/trivy-db-options.schema.json by `npm run generate`: edit the schema, not this file.
import { CodedError, type JsonValue, parseJson } from '#core';
import { findFaults } from './trivy-db-options.validator.generated.ts';

/** What the profile trivy:db can be told, as inputs.options of export.json has it. */
export interface TrivyDbOptions {
  /** How long after asOf a consumer may rely on the content. */
  readonly validForSeconds: number;
  readonly base?: Base;
  /** Names of data sources by prefix of id, in byte order of prefix. */
  readonly dataSources?: readonly DataSource[];
  /** Ids of data sources: of several that have an advisory on one package and id, only the first counts. */
  readonly sourcePrecedence?: readonly string[];
}

/** The database that others have built and into which the advisories were merged. */
export interface Base {
  /** Of trivy.db, unpacked: the same however it came. What it came in is named by the provenance. */
  readonly digest: string;
}

export interface DataSource {
  readonly prefix: string;
  readonly id: string;
  readonly name: string;
  readonly url: string;
}

/**
 * Reads a document that must conform to manifests-schema/trivy-db-options.schema.json.
 *
 * @param name what the document is called in an error (a file, an entry, a digest)
 * @throws CodedError ERR_EXPORT_JSON_INVALID, and ERR_EXPORT_SCHEMA as checkTrivyDbOptions does
 */
export function parseTrivyDbOptions(bytes: Uint8Array, name: string): TrivyDbOptions {
  return checkTrivyDbOptions(parseJson(bytes, name), name);
}

/**
 * The value itself, known to conform to manifests-schema/trivy-db-options.schema.json.
 *
 * @throws CodedError ERR_EXPORT_SCHEMA with all `faults` ({pointer, problem}) in its details
 */
export function checkTrivyDbOptions(value: JsonValue, name: string): TrivyDbOptions {
  const faults = findFaults(value);
  const [first] = faults;
  if (first === undefined) return value as unknown as TrivyDbOptions;
  const more = faults.length === 1 ? '' : `, and ${faults.length - 1} more`;
  throw new CodedError('ERR_EXPORT_SCHEMA', `${name}: ${first.pointer || 'the document'} ${first.problem}${more}`, {
    hint: 'compare the document with manifests-schema/trivy-db-options.schema.json',
    details: { name, schema: 'trivy-db-options', faults },
  });
}
