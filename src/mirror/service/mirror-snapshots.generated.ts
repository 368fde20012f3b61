// Generated from manifests-schema/mirror-snapshots.schema.json by `npm run generate`: edit the schema, not this file.
import { CodedError, type Digest, type JsonValue, parseJson } from '#core';
import { findFaults } from './mirror-snapshots.validator.generated.ts';

/** The snapshots of a mirror that TUF lists, the newest first. */
export interface MirrorSnapshots {
  readonly snapshots: readonly ListedSnapshot[];
}

export interface ListedSnapshot {
  /** Of the snapshot in its stream. */
  readonly sequence: number;
  /** Of its manifest. */
  readonly digest: Digest;
}

/**
 * Reads a document that must conform to manifests-schema/mirror-snapshots.schema.json.
 *
 * @param name what the document is called in an error (a file, an entry, a digest)
 * @throws CodedError ERR_EXPORT_JSON_INVALID, and ERR_EXPORT_SCHEMA as checkMirrorSnapshots does
 */
export function parseMirrorSnapshots(bytes: Uint8Array, name: string): MirrorSnapshots {
  return checkMirrorSnapshots(parseJson(bytes, name), name);
}

/**
 * The value itself, known to conform to manifests-schema/mirror-snapshots.schema.json.
 *
 * @throws CodedError ERR_EXPORT_SCHEMA with all `faults` ({pointer, problem}) in its details
 */
export function checkMirrorSnapshots(value: JsonValue, name: string): MirrorSnapshots {
  const faults = findFaults(value);
  const [first] = faults;
  if (first === undefined) return value as unknown as MirrorSnapshots;
  const more = faults.length === 1 ? '' : `, and ${faults.length - 1} more`;
  throw new CodedError('ERR_EXPORT_SCHEMA', `${name}: ${first.pointer || 'the document'} ${first.problem}${more}`, {
    hint: 'compare the document with manifests-schema/mirror-snapshots.schema.json',
    details: { name, schema: 'mirror-snapshots', faults },
  });
}
