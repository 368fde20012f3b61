// Generated from manifests-schema/mirror-snapshot.schema.json by `npm run generate`: edit the schema, not this file.
import { CodedError, type Digest, type JsonValue, parseJson } from '#core';
import { findFaults } from './mirror-snapshot.validator.generated.ts';

/**
 * The state of a mirror: which tags of which repositories led to what. Canonical JSON; all lists are sorted, so that the same state has the same digest.
 */
export interface MirrorSnapshot {
  readonly mediaType: 'application/vnd.stellaops.export.mirror.snapshot.v1+json';
  /** The name of the mirror. */
  readonly stream: string;
  /** The repository that keeps the snapshots, without a host. */
  readonly snapshots: string;
  /** In byte order of name. */
  readonly repositories: readonly Repository[];
}

export interface Repository {
  /** Its name in the zone, without a host. */
  readonly name: string;
  /** The profile whose bundles the tags are; absent where all kinds of artifacts were mirrored. */
  readonly profile?: string;
  /** The keys of which one signed each tag, in byte order; absent where no signature was required. */
  readonly signedBy?: readonly string[];
  /** In byte order; cosign's tags too. */
  readonly tags: readonly NamedTag[];
  /** All manifests and indexes that the tags lead to, and their referrers, in byte order of digest. */
  readonly manifests: readonly Manifest[];
  /** All blobs of the manifests, in byte order of digest. */
  readonly blobs: readonly Blob[];
  /** Which subject listed which referrer, in byte order of both. */
  readonly referrers: readonly Referrer[];
}

export interface NamedTag {
  readonly tag: string;
  readonly digest: Digest;
}

export interface Manifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
  /** What it refers to, which may be absent. */
  readonly subject?: Digest;
  /** The manifests that it lists, in byte order. */
  readonly manifests?: readonly Digest[];
  /** The blobs that it names, in byte order. */
  readonly blobs?: readonly Digest[];
  /** Layers that must not be distributed and stay at their URLs, in byte order. */
  readonly foreign?: readonly Digest[];
}

export interface Blob {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export interface Referrer {
  readonly subject: Digest;
  readonly digest: Digest;
}

/**
 * Reads a document that must conform to manifests-schema/mirror-snapshot.schema.json.
 *
 * @param name what the document is called in an error (a file, an entry, a digest)
 * @throws CodedError ERR_EXPORT_JSON_INVALID, and ERR_EXPORT_SCHEMA as checkMirrorSnapshot does
 */
export function parseMirrorSnapshot(bytes: Uint8Array, name: string): MirrorSnapshot {
  return checkMirrorSnapshot(parseJson(bytes, name), name);
}

/**
 * The value itself, known to conform to manifests-schema/mirror-snapshot.schema.json.
 *
 * @throws CodedError ERR_EXPORT_SCHEMA with all `faults` ({pointer, problem}) in its details
 */
export function checkMirrorSnapshot(value: JsonValue, name: string): MirrorSnapshot {
  const faults = findFaults(value);
  const [first] = faults;
  if (first === undefined) return value as unknown as MirrorSnapshot;
  const more = faults.length === 1 ? '' : `, and ${faults.length - 1} more`;
  throw new CodedError('ERR_EXPORT_SCHEMA', `${name}: ${first.pointer || 'the document'} ${first.problem}${more}`, {
    hint: 'compare the document with manifests-schema/mirror-snapshot.schema.json',
    details: { name, schema: 'mirror-snapshot', faults },
  });
}
