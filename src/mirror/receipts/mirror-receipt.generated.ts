// Generated from manifests-schema/mirror-receipt.schema.json by `npm run generate`: edit the schema, not this file.
import { CodedError, type Digest, type Instant, type JsonValue, parseJson } from '#core';
import { findFaults } from './mirror-receipt.validator.generated.ts';

/** The predicate of a receipt: what a zone holds of a mirror. A SLSA verification summary with one more member. */
export interface MirrorReceipt {
  readonly verifier: Verifier;
  /** When the kit was verified. */
  readonly timeVerified: Instant;
  /** Stream and sequence number once more: urn:export-center:mirror:STREAM:SEQUENCE. */
  readonly resourceUri: string;
  readonly policy: Policy;
  /** PASSED where nothing is lacking. */
  readonly verificationResult: 'PASSED' | 'FAILED';
  readonly verifiedLevels: ('SLSA_BUILD_LEVEL_UNEVALUATED' | 'FAILED')[];
  readonly slsaVersion: '1.0';
  readonly mirror: Mirror;
}

export interface Verifier {
  /** Who verifies: docs/formats/mirror.md has the one value. */
  readonly id: string;
}

export interface Policy {
  /** The TUF root that was trusted: urn:export-center:tuf-root:VERSION. */
  readonly uri: string;
}

export interface Mirror {
  /** What the zone calls itself. */
  readonly zone?: string;
  readonly stream: string;
  /** Of the snapshot in its stream. */
  readonly sequence: number;
  /** The id of the kit that brought it. */
  readonly kit: Digest;
  /** The registry or layout of the zone. */
  readonly target: string;
  /** TUF metadata that had expired and was accepted. */
  readonly waived: readonly Waived[];
  readonly fidelity: Fidelity;
}

export interface Waived {
  readonly role: 'timestamp' | 'snapshot';
  readonly version: number;
  readonly expires: Instant;
}

export interface Fidelity {
  readonly repositories: number;
  readonly tags: number;
  readonly manifests: number;
  readonly blobs: number;
  readonly referrers: number;
  /** What the target does not have as the snapshot lists it. */
  readonly lacking: readonly Lacking[];
}

export interface Lacking {
  /** REPOSITORY:TAG or REPOSITORY@DIGEST. */
  readonly name: string;
  readonly problem: string;
}

/**
 * Reads a document that must conform to manifests-schema/mirror-receipt.schema.json.
 *
 * @param name what the document is called in an error (a file, an entry, a digest)
 * @throws CodedError ERR_EXPORT_JSON_INVALID, and ERR_EXPORT_SCHEMA as checkMirrorReceipt does
 */
export function parseMirrorReceipt(bytes: Uint8Array, name: string): MirrorReceipt {
  return checkMirrorReceipt(parseJson(bytes, name), name);
}

/**
 * The value itself, known to conform to manifests-schema/mirror-receipt.schema.json.
 *
 * @throws CodedError ERR_EXPORT_SCHEMA with all `faults` ({pointer, problem}) in its details
 */
export function checkMirrorReceipt(value: JsonValue, name: string): MirrorReceipt {
  const faults = findFaults(value);
  const [first] = faults;
  if (first === undefined) return value as unknown as MirrorReceipt;
  const more = faults.length === 1 ? '' : `, and ${faults.length - 1} more`;
  throw new CodedError('ERR_EXPORT_SCHEMA', `${name}: ${first.pointer || 'the document'} ${first.problem}${more}`, {
    hint: 'compare the document with manifests-schema/mirror-receipt.schema.json',
    details: { name, schema: 'mirror-receipt', faults },
  });
}
