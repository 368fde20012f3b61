// Generated from manifests-schema/export-index.schema.json by `npm run generate`: edit the schema, not this file.
import { CodedError, type Digest, type JsonValue, parseJson } from '#core';
import { findFaults } from './export-index.validator.generated.ts';

/**
 * indexes/<class>.index.json: the shards that the records of one class lie in, in order of key. To find a record, take the last shard whose firstKey is not after its key.
 */
export interface ExportIndex {
  /** The identifier of this schema. */
  readonly schema: 'https://stellaops.io/export-center/schemas/export-index/v1';
  /** Version of the document's form; a reader of 1.0 understands every 1.x that it accepts. */
  readonly version: string;
  /** What was done to the records: raw means nothing but bringing them into canonical form. */
  readonly view: 'raw';
  readonly class: 'advisories' | 'vex';
  /**
   * How fine the shards are: a shard begins at a key whose SHA-256 ends in so many zero bits; runs without such a key are cut further (docs/adr/0002-shards.md).
   */
  readonly k: number;
  /** Records in all shards. */
  readonly records: number;
  /** In UTF-8 byte order of firstKey, which is the byte order of path too; no two overlap. */
  readonly shards: readonly Shard[];
}

export interface Shard {
  /** The file; its name is the first 40 bytes of firstKey in hex. */
  readonly path: string;
  /** The key of a record: an advisory's id, or `openvex/` and the SHA-256 of a VEX document. */
  readonly firstKey: string;
  /** The key of a record: an advisory's id, or `openvex/` and the SHA-256 of a VEX document. */
  readonly lastKey: string;
  readonly records: number;
  /** Of the file as it lies there, packed. */
  readonly digest: Digest;
  /** Of the file as it lies there, packed. */
  readonly sizeBytes: number;
}

/**
 * Reads a document that must conform to manifests-schema/export-index.schema.json.
 *
 * @param name what the document is called in an error (a file, an entry, a digest)
 * @throws CodedError ERR_EXPORT_JSON_INVALID, and ERR_EXPORT_SCHEMA as checkExportIndex does
 */
export function parseExportIndex(bytes: Uint8Array, name: string): ExportIndex {
  return checkExportIndex(parseJson(bytes, name), name);
}

/**
 * The value itself, known to conform to manifests-schema/export-index.schema.json.
 *
 * @throws CodedError ERR_EXPORT_SCHEMA with all `faults` ({pointer, problem}) in its details
 */
export function checkExportIndex(value: JsonValue, name: string): ExportIndex {
  const faults = findFaults(value);
  const [first] = faults;
  if (first === undefined) return value as unknown as ExportIndex;
  const more = faults.length === 1 ? '' : `, and ${faults.length - 1} more`;
  throw new CodedError('ERR_EXPORT_SCHEMA', `${name}: ${first.pointer || 'the document'} ${first.problem}${more}`, {
    hint: 'compare the document with manifests-schema/export-index.schema.json',
    details: { name, schema: 'export-index', faults },
  });
}
