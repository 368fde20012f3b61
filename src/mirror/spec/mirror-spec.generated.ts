// Generated from manifests-schema/mirror-spec.schema.json by `npm run generate`: edit the schema, not this file.
import { CodedError, type JsonValue, parseJson } from '#core';
import { findFaults } from './mirror-spec.validator.generated.ts';

/**
 * What a mirror contains: repositories of a registry, their tags, and what must be signed. Written by people, as YAML.
 */
export interface MirrorSpec {
  /** The version of this format. */
  readonly version: 1;
  /** The name of the mirror, and of its stream in the TUF repository. */
  readonly stream: string;
  /** The registry, as HOST[:PORT][/PREFIX]. */
  readonly source: string;
  /** The repository that keeps the snapshots, as HOST[:PORT]/REPO. */
  readonly snapshots: string;
  /** The directory of the TUF repository, relative to this file. */
  readonly tuf: string;
  /** The directory with the keys and receipts of zones, relative to this file. */
  readonly zones?: string;
  /** What the mirror contains. */
  readonly repositories: readonly Repository[];
  /** Files to put into trust/ of each kit, such as public keys, relative to this file. */
  readonly trust?: readonly string[];
}

export interface Repository {
  /** The repository, or a glob of repositories, without the host. */
  readonly name: string;
  /** Its name in the zone; a * stands for what the * of the name matched. */
  readonly target?: string;
  /** Only tags of bundles that this profile made, such as trivy:db. */
  readonly profile?: string;
  /** Which tags, by one or more choices; all unless given. */
  readonly tags?: (string | Choice)[];
  /** Tags that must not move, by glob. */
  readonly immutable?: readonly string[];
  /** Which referrers, by globs of their artifact types; all unless given, none for an empty list. */
  readonly referrers?: readonly string[];
  /** Whether cosign's tags (.sig, .att, .sbom) are included; true unless given. */
  readonly cosignTags?: boolean;
  /** Who must have signed each tag with cosign; none to require no signature. */
  readonly signatures: 'none' | Signatures;
}

export interface Choice {
  /** Tags that match one of these globs. */
  readonly include?: readonly string[];
  /** And none of these. */
  readonly exclude?: readonly string[];
  /** And that are versions in this range. */
  readonly semver?: string;
  /** And of these versions only the highest ones, so many. */
  readonly newest?: number;
}

export interface Signatures {
  /** Files of public keys, relative to this file; a signature by any one is enough. */
  readonly keys: readonly string[];
}

/**
 * Reads a document that must conform to manifests-schema/mirror-spec.schema.json.
 *
 * @param name what the document is called in an error (a file, an entry, a digest)
 * @throws CodedError ERR_EXPORT_JSON_INVALID, and ERR_EXPORT_SCHEMA as checkMirrorSpec does
 */
export function parseMirrorSpec(bytes: Uint8Array, name: string): MirrorSpec {
  return checkMirrorSpec(parseJson(bytes, name), name);
}

/**
 * The value itself, known to conform to manifests-schema/mirror-spec.schema.json.
 *
 * @throws CodedError ERR_EXPORT_SCHEMA with all `faults` ({pointer, problem}) in its details
 */
export function checkMirrorSpec(value: JsonValue, name: string): MirrorSpec {
  const faults = findFaults(value);
  const [first] = faults;
  if (first === undefined) return value as unknown as MirrorSpec;
  const more = faults.length === 1 ? '' : `, and ${faults.length - 1} more`;
  throw new CodedError('ERR_EXPORT_SCHEMA', `${name}: ${first.pointer || 'the document'} ${first.problem}${more}`, {
    hint: 'compare the document with manifests-schema/mirror-spec.schema.json',
    details: { name, schema: 'mirror-spec', faults },
  });
}
