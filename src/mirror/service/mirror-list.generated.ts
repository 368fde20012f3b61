// Generated from manifests-schema/mirror-list.schema.json by `npm run generate`: edit the schema, not this file.
import { CodedError, type Digest, type JsonValue, parseJson } from '#core';
import { findFaults } from './mirror-list.validator.generated.ts';

/** The mirrors of a server, in byte order of name. */
export interface MirrorList {
  readonly mirrors: readonly Mirror[];
}

export interface Mirror {
  /** The stream of the mirror. */
  readonly name: string;
  readonly newest?: ListedSnapshot;
}

/** Absent before the first snapshot. */
export interface ListedSnapshot {
  /** Of the snapshot in its stream. */
  readonly sequence: number;
  /** Of its manifest. */
  readonly digest: Digest;
}

/**
 * Reads a document that must conform to manifests-schema/mirror-list.schema.json.
 *
 * @param name what the document is called in an error (a file, an entry, a digest)
 * @throws CodedError ERR_EXPORT_JSON_INVALID, and ERR_EXPORT_SCHEMA as checkMirrorList does
 */
export function parseMirrorList(bytes: Uint8Array, name: string): MirrorList {
  return checkMirrorList(parseJson(bytes, name), name);
}

/**
 * The value itself, known to conform to manifests-schema/mirror-list.schema.json.
 *
 * @throws CodedError ERR_EXPORT_SCHEMA with all `faults` ({pointer, problem}) in its details
 */
export function checkMirrorList(value: JsonValue, name: string): MirrorList {
  const faults = findFaults(value);
  const [first] = faults;
  if (first === undefined) return value as unknown as MirrorList;
  const more = faults.length === 1 ? '' : `, and ${faults.length - 1} more`;
  throw new CodedError('ERR_EXPORT_SCHEMA', `${name}: ${first.pointer || 'the document'} ${first.problem}${more}`, {
    hint: 'compare the document with manifests-schema/mirror-list.schema.json',
    details: { name, schema: 'mirror-list', faults },
  });
}
