// Generated from manifests-schema/mirror-provenance-parameters.schema.json by `npm run generate`: edit the schema, not this file.
import { CodedError, type Digest, type JsonValue, parseJson } from '#core';
import { findFaults } from './mirror-provenance-parameters.validator.generated.ts';

/**
 * The externalParameters of a mirror snapshot's SLSA provenance: what was asked for. The registries and what their tags led to are in resolvedDependencies.
 */
export interface MirrorProvenanceParameters {
  /** The name of the mirror. */
  readonly stream: string;
  /** Of the file with the mirror spec. */
  readonly specDigest: Digest;
}

/**
 * Reads a document that must conform to manifests-schema/mirror-provenance-parameters.schema.json.
 *
 * @param name what the document is called in an error (a file, an entry, a digest)
 * @throws CodedError ERR_EXPORT_JSON_INVALID, and ERR_EXPORT_SCHEMA as checkMirrorProvenanceParameters does
 */
export function parseMirrorProvenanceParameters(bytes: Uint8Array, name: string): MirrorProvenanceParameters {
  return checkMirrorProvenanceParameters(parseJson(bytes, name), name);
}

/**
 * The value itself, known to conform to manifests-schema/mirror-provenance-parameters.schema.json.
 *
 * @throws CodedError ERR_EXPORT_SCHEMA with all `faults` ({pointer, problem}) in its details
 */
export function checkMirrorProvenanceParameters(value: JsonValue, name: string): MirrorProvenanceParameters {
  const faults = findFaults(value);
  const [first] = faults;
  if (first === undefined) return value as unknown as MirrorProvenanceParameters;
  const more = faults.length === 1 ? '' : `, and ${faults.length - 1} more`;
  throw new CodedError('ERR_EXPORT_SCHEMA', `${name}: ${first.pointer || 'the document'} ${first.problem}${more}`, {
    hint: 'compare the document with manifests-schema/mirror-provenance-parameters.schema.json',
    details: { name, schema: 'mirror-provenance-parameters', faults },
  });
}
