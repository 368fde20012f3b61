// Generated from manifests-schema/export-provenance-parameters.schema.json by `npm run generate`: edit the schema, not this file.
import { CodedError, type Instant, type JsonValue, parseJson } from '#core';
import { findFaults } from './export-provenance-parameters.validator.generated.ts';

/**
 * The externalParameters of a bundle's SLSA provenance: the whole request, as a verifier compares it with export.json. Where the records came from stands in resolvedDependencies, and no secret stands anywhere.
 */
export interface ExportProvenanceParameters {
  readonly profile: Profile;
  /** Whose evidence this is. */
  readonly tenant: string;
  readonly selector: Selector;
  /** The bundle's one point in time, also where it was not asked for but found among the records. */
  readonly asOf: Instant;
  readonly options: Options;
}

/** What the consumer wanted. */
export interface Profile {
  /** What its artifacts are for: the half of the name before the colon. */
  readonly kind: string;
  /** The half of the name after the colon. */
  readonly variant: string;
  /** The name by which it is asked for, e.g. `json:raw`. */
  readonly name: string;
  /** A profile never changes: another meaning is another revision. */
  readonly revision: string;
}

/** Which records were wanted; empty for all. */
export interface Selector {
  /** One of these must fit; in byte order, each once. */
  readonly ecosystems?: readonly string[];
  /** Names, or globs of names. */
  readonly packages?: readonly string[];
  /** One of these must fit; in byte order, each once. */
  readonly ids?: readonly string[];
  /** Records without a score stay. */
  readonly minimumSeverity?: 'low' | 'medium' | 'high' | 'critical';
  readonly modifiedSince?: Instant;
  readonly modifiedUntil?: Instant;
  /** What becomes of withdrawn records; `include` unless told. */
  readonly withdrawn?: 'include' | 'exclude' | 'only';
}

/** Options that were set or that have a default which reaches the contents. */
export interface Options {
  /** Whether records that cannot be exported are withheld, instead of ending the export. */
  readonly skipInvalid?: boolean;
  readonly [k: string]: unknown;
}

/**
 * Reads a document that must conform to manifests-schema/export-provenance-parameters.schema.json.
 *
 * @param name what the document is called in an error (a file, an entry, a digest)
 * @throws CodedError ERR_EXPORT_JSON_INVALID, and ERR_EXPORT_SCHEMA as checkExportProvenanceParameters does
 */
export function parseExportProvenanceParameters(bytes: Uint8Array, name: string): ExportProvenanceParameters {
  return checkExportProvenanceParameters(parseJson(bytes, name), name);
}

/**
 * The value itself, known to conform to manifests-schema/export-provenance-parameters.schema.json.
 *
 * @throws CodedError ERR_EXPORT_SCHEMA with all `faults` ({pointer, problem}) in its details
 */
export function checkExportProvenanceParameters(value: JsonValue, name: string): ExportProvenanceParameters {
  const faults = findFaults(value);
  const [first] = faults;
  if (first === undefined) return value as unknown as ExportProvenanceParameters;
  const more = faults.length === 1 ? '' : `, and ${faults.length - 1} more`;
  throw new CodedError('ERR_EXPORT_SCHEMA', `${name}: ${first.pointer || 'the document'} ${first.problem}${more}`, {
    hint: 'compare the document with manifests-schema/export-provenance-parameters.schema.json',
    details: { name, schema: 'export-provenance-parameters', faults },
  });
}
