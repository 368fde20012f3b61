// Generated from manifests-schema/delta-plan.schema.json by `npm run generate`: edit the schema, not this file.
import { CodedError, type Digest, type Instant, type JsonValue, parseJson } from '#core';
import { findFaults } from './delta-plan.validator.generated.ts';

/** A planned kit. It stays as it is, whatever is published meanwhile, until the server forgets it. */
export interface DeltaPlan {
  /** Of the plan, in its address: the hex digits of the kit's id. */
  readonly id: string;
  /** The kit's id: the digest of its kit.json. */
  readonly kit: Digest;
  readonly stream: string;
  /** Of the snapshot that the kit brings. */
  readonly sequence: number;
  /** The manifest of that snapshot. */
  readonly snapshot: Digest;
  /** As kit.json lists them: each zone must have one of them. Empty for a full kit. */
  readonly bases: readonly Base[];
  readonly manifests: number;
  readonly blobs: number;
  /** Of all manifests and blobs in the kit. */
  readonly contentBytes: number;
  /** What the kit leaves out, since the zone has it. */
  readonly reliedOn: {
    readonly files: number;
    readonly sizeBytes: number;
  };
  /** How tags differ from those of the bases; absent if no base tells. */
  readonly tags?: {
    /** Some base lacks them. */
    readonly new: number;
    /** Some base has them with another digest. */
    readonly moved: number;
    /** Some base has them, the snapshot does not. */
    readonly removed: number;
  };
  /** Of the kit as a tar. */
  readonly tarBytes: number;
  /** Of the kit as a tar; absent until the server has sent it once as a whole. */
  readonly tarDigest?: Digest;
  /** The role of TUF that expires first: until then a zone accepts the kit. */
  readonly expiry: {
    readonly role: string;
    readonly expires: Instant;
  };
  /** The server may forget the plan from then on, or earlier if it needs the memory. */
  readonly keptUntil: Instant;
  /** The path of the kit. */
  readonly href: string;
}

export interface Base {
  readonly kind: 'list' | 'receipt' | 'registry' | 'snapshot';
  /** Of the manifest of a snapshot, of a receipt, of the canonical digest list. */
  readonly digest: Digest;
}

/**
 * Reads a document that must conform to manifests-schema/delta-plan.schema.json.
 *
 * @param name what the document is called in an error (a file, an entry, a digest)
 * @throws CodedError ERR_EXPORT_JSON_INVALID, and ERR_EXPORT_SCHEMA as checkDeltaPlan does
 */
export function parseDeltaPlan(bytes: Uint8Array, name: string): DeltaPlan {
  return checkDeltaPlan(parseJson(bytes, name), name);
}

/**
 * The value itself, known to conform to manifests-schema/delta-plan.schema.json.
 *
 * @throws CodedError ERR_EXPORT_SCHEMA with all `faults` ({pointer, problem}) in its details
 */
export function checkDeltaPlan(value: JsonValue, name: string): DeltaPlan {
  const faults = findFaults(value);
  const [first] = faults;
  if (first === undefined) return value as unknown as DeltaPlan;
  const more = faults.length === 1 ? '' : `, and ${faults.length - 1} more`;
  throw new CodedError('ERR_EXPORT_SCHEMA', `${name}: ${first.pointer || 'the document'} ${first.problem}${more}`, {
    hint: 'compare the document with manifests-schema/delta-plan.schema.json',
    details: { name, schema: 'delta-plan', faults },
  });
}
