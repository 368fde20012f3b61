// Generated from manifests-schema/mirror-part.schema.json by `npm run generate`: edit the schema, not this file.
import { CodedError, type Digest, type JsonValue, parseJson } from '#core';
import { findFaults } from './mirror-part.validator.generated.ts';

/** What a part of a kit says of itself. Canonical JSON. */
export interface MirrorPart {
  readonly formatVersion: 1;
  /** The id of the kit. */
  readonly kit: Digest;
  readonly stream: string;
  /** Of the snapshot in its stream. */
  readonly sequence: number;
  /** Of checksums.txt in the kit, which tells apart kits of one id that were written by different versions. */
  readonly checksums: Digest;
  /** Of the tar of the kit, which all parts together are. */
  readonly tarBytes: number;
  /** Most bytes that the file of a part has. */
  readonly partBytes: number;
  /** The number of this part, from 1. */
  readonly part: number;
  /** How many there are. */
  readonly parts: number;
  /** Where the bytes of this part begin in the tar. */
  readonly offset: number;
  /** How many they are. */
  readonly sizeBytes: number;
  /** Of these bytes. */
  readonly digest: Digest;
  /** To whom the part is locked; empty where it is not. */
  readonly recipients: readonly string[];
}

/**
 * Reads a document that must conform to manifests-schema/mirror-part.schema.json.
 *
 * @param name what the document is called in an error (a file, an entry, a digest)
 * @throws CodedError ERR_EXPORT_JSON_INVALID, and ERR_EXPORT_SCHEMA as checkMirrorPart does
 */
export function parseMirrorPart(bytes: Uint8Array, name: string): MirrorPart {
  return checkMirrorPart(parseJson(bytes, name), name);
}

/**
 * The value itself, known to conform to manifests-schema/mirror-part.schema.json.
 *
 * @throws CodedError ERR_EXPORT_SCHEMA with all `faults` ({pointer, problem}) in its details
 */
export function checkMirrorPart(value: JsonValue, name: string): MirrorPart {
  const faults = findFaults(value);
  const [first] = faults;
  if (first === undefined) return value as unknown as MirrorPart;
  const more = faults.length === 1 ? '' : `, and ${faults.length - 1} more`;
  throw new CodedError('ERR_EXPORT_SCHEMA', `${name}: ${first.pointer || 'the document'} ${first.problem}${more}`, {
    hint: 'compare the document with manifests-schema/mirror-part.schema.json',
    details: { name, schema: 'mirror-part', faults },
  });
}
