// Generated from manifests-schema/mirror-state.schema.json by `npm run generate`: edit the schema, not this file.
import { CodedError, type Digest, type Instant, type JsonValue, parseJson } from '#core';
import { findFaults } from './mirror-state.validator.generated.ts';

/**
 * What a zone remembers of a mirror: what it imported last, and the TUF metadata that it accepted, so that nothing older is accepted again.
 */
export interface MirrorState {
  readonly formatVersion: 1;
  readonly stream: string;
  /** Of the snapshot that was imported last. */
  readonly sequence: number;
  /** Its manifest. */
  readonly snapshot: Digest;
  /** The id of the kit that brought it. */
  readonly kit: Digest;
  /** Of the last snapshot that came with --prune: no tag of an earlier one is left to be removed. */
  readonly pruned?: number;
  /** The time at which it was verified. */
  readonly latestTime: Instant;
  /** Accepted TUF metadata, in byte order of name. */
  readonly metadata: readonly Document[];
}

export interface Document {
  readonly name: string;
  /** In base64. */
  readonly content: string;
}

/**
 * Reads a document that must conform to manifests-schema/mirror-state.schema.json.
 *
 * @param name what the document is called in an error (a file, an entry, a digest)
 * @throws CodedError ERR_EXPORT_JSON_INVALID, and ERR_EXPORT_SCHEMA as checkMirrorState does
 */
export function parseMirrorState(bytes: Uint8Array, name: string): MirrorState {
  return checkMirrorState(parseJson(bytes, name), name);
}

/**
 * The value itself, known to conform to manifests-schema/mirror-state.schema.json.
 *
 * @throws CodedError ERR_EXPORT_SCHEMA with all `faults` ({pointer, problem}) in its details
 */
export function checkMirrorState(value: JsonValue, name: string): MirrorState {
  const faults = findFaults(value);
  const [first] = faults;
  if (first === undefined) return value as unknown as MirrorState;
  const more = faults.length === 1 ? '' : `, and ${faults.length - 1} more`;
  throw new CodedError('ERR_EXPORT_SCHEMA', `${name}: ${first.pointer || 'the document'} ${first.problem}${more}`, {
    hint: 'compare the document with manifests-schema/mirror-state.schema.json',
    details: { name, schema: 'mirror-state', faults },
  });
}
