// Generated from manifests-schema/mirror-kit.schema.json by `npm run generate`: edit the schema, not this file.
import { CodedError, type Digest, type JsonValue, parseJson } from '#core';
import { findFaults } from './mirror-kit.validator.generated.ts';

/** What a kit contains. Canonical JSON; the kit's id is its SHA-256, so that it depends on nothing else. */
export interface MirrorKit {
  /** The version of the kit's format. */
  readonly formatVersion: 1;
  readonly stream: string;
  /** Of the snapshot in its stream. */
  readonly sequence: number;
  readonly snapshot: Artifact;
  /**
   * What the kit leaves out because a zone has it: each zone must have one of them. In byte order of kind and digest; empty for a full kit.
   */
  readonly bases: readonly Base[];
  /** The files in tuf/ and trust/, in byte order of path. */
  readonly files: readonly File[];
  /** To whom it is locked; empty where it is not. */
  readonly recipients: readonly string[];
}

export interface Artifact {
  /** Its name in the zone. */
  readonly repository: string;
  readonly tag: string;
  /** Of its manifest. */
  readonly digest: Digest;
  /** Manifests of its signatures and provenance, in byte order of digest. */
  readonly evidence: readonly Evidence[];
}

export interface Evidence {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** One of cosign's, where it has one; else it is a referrer. */
  readonly tag?: string;
  readonly blobs: readonly Blob[];
}

export interface Blob {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export interface Base {
  /**
   * snapshot: an earlier one of the stream. receipt: that of a zone. list: a digest list. registry: what a registry answered.
   */
  readonly kind: 'list' | 'receipt' | 'registry' | 'snapshot';
  /** Of the manifest of a snapshot, of a receipt, of the canonical digest list. */
  readonly digest: Digest;
}

export interface File {
  readonly path: string;
  readonly digest: Digest;
}

/**
 * Reads a document that must conform to manifests-schema/mirror-kit.schema.json.
 *
 * @param name what the document is called in an error (a file, an entry, a digest)
 * @throws CodedError ERR_EXPORT_JSON_INVALID, and ERR_EXPORT_SCHEMA as checkMirrorKit does
 */
export function parseMirrorKit(bytes: Uint8Array, name: string): MirrorKit {
  return checkMirrorKit(parseJson(bytes, name), name);
}

/**
 * The value itself, known to conform to manifests-schema/mirror-kit.schema.json.
 *
 * @throws CodedError ERR_EXPORT_SCHEMA with all `faults` ({pointer, problem}) in its details
 */
export function checkMirrorKit(value: JsonValue, name: string): MirrorKit {
  const faults = findFaults(value);
  const [first] = faults;
  if (first === undefined) return value as unknown as MirrorKit;
  const more = faults.length === 1 ? '' : `, and ${faults.length - 1} more`;
  throw new CodedError('ERR_EXPORT_SCHEMA', `${name}: ${first.pointer || 'the document'} ${first.problem}${more}`, {
    hint: 'compare the document with manifests-schema/mirror-kit.schema.json',
    details: { name, schema: 'mirror-kit', faults },
  });
}
