import { algorithmOf, type Digest, encodeCanonical, hexOf, isDigest, type JsonObject, type JsonValue } from '#core';
import { asObject, asObjects, asString, onlyMembers, parseSignedJson, signatureInvalid } from './faults.ts';

/** Digests of one thing by algorithm, in lower-case hex (in-toto attestation spec, DigestSet). */
export type DigestSet = Readonly<Record<string, string>>;

/** Names a thing by digest, URI or both (in-toto attestation spec, ResourceDescriptor). */
export interface ResourceDescriptor {
  readonly name?: string;
  readonly uri?: string;
  readonly digest?: DigestSet;
  readonly mediaType?: string;
  readonly content?: string;
  readonly downloadLocation?: string;
  readonly annotations?: JsonObject;
}

/** What a statement is about: always by digest. */
export interface StatementSubject extends ResourceDescriptor {
  readonly digest: DigestSet;
}

/** An in-toto Statement v1. */
export interface Statement {
  readonly _type: string;
  readonly subject: readonly StatementSubject[];
  readonly predicateType: string;
  readonly predicate: JsonObject;
}

/** The predicate types that we write. */
export const predicateTypes = {
  /** Nothing but "this key signed this manifest"; what cosign writes for `cosign sign`. */
  cosignSignature: 'https://sigstore.dev/cosign/sign/v1',
  slsaProvenance: 'https://slsa.dev/provenance/v1',
} as const;

const STATEMENT_V1 = 'https://in-toto.io/Statement/v1';

/** cosign before v3 attests with v0.1, whose members are the same. */
const STATEMENTS_READ: readonly string[] = [STATEMENT_V1, 'https://in-toto.io/Statement/v0.1'];

/** cosign refuses statements with more. */
const MAX_SUBJECTS = 1024;

/** The subject that a digest names. */
export function subjectOf(digest: Digest, name?: string): StatementSubject {
  const digests = { [algorithmOf(digest)]: hexOf(digest) };
  return name === undefined ? { digest: digests } : { name, digest: digests };
}

/**
 * A statement about some subjects.
 *
 * @throws RangeError for no subject, too many of them, or a digest that is not lower-case hex: no cosign would take it
 */
export function makeStatement(
  subject: readonly StatementSubject[],
  predicateType: string,
  predicate: JsonObject,
): Statement {
  const fault = subjectsFault(subject);
  if (fault !== undefined) throw new RangeError(fault);
  return { _type: STATEMENT_V1, subject, predicateType, predicate };
}

/** The statement that is a signature of a manifest: cosign's own predicate, empty, and one subject without a name. */
export function signatureStatement(manifest: Digest): Statement {
  return makeStatement([subjectOf(manifest)], predicateTypes.cosignSignature, {});
}

/** Canonical JSON (RFC 8785), so that the same statement has the same bytes. */
export function encodeStatement(statement: Statement): Uint8Array {
  return encodeCanonical(statement as unknown as JsonValue);
}

/**
 * The statement in an envelope's payload. Call it only with a payload whose signature was good.
 *
 * @throws CodedError ERR_EXPORT_SIGNATURE_INVALID when it is no statement that every cosign reads
 */
export function parseStatement(payload: Uint8Array, name: string): Statement {
  const value = parseSignedJson(payload, name);
  onlyMembers(value, ['_type', 'subject', 'predicateType', 'predicate'], name);
  const type = asString(value['_type']);
  if (type === undefined || !STATEMENTS_READ.includes(type)) throw signatureInvalid(name, 'not an in-toto statement');
  const predicateType = asString(value['predicateType']);
  if (predicateType === undefined) throw signatureInvalid(name, 'predicateType: expected a string');
  const predicate = asObject(value['predicate']);
  if (predicate === undefined) throw signatureInvalid(name, 'predicate: expected an object');
  const subject = resourcesFrom(value['subject'], name) as readonly StatementSubject[];
  const fault = subjectsFault(subject);
  if (fault !== undefined) throw signatureInvalid(name, fault);
  return { _type: type, subject, predicateType, predicate };
}

/** Whether a statement is about this content. */
export function isAbout(statement: Statement, digest: Digest): boolean {
  return statement.subject.some((subject) => subject.digest[algorithmOf(digest)] === hexOf(digest));
}

const RESOURCE_TEXTS = ['name', 'uri', 'mediaType', 'content', 'downloadLocation'] as const;
const RESOURCE_MEMBERS = [...RESOURCE_TEXTS, 'digest', 'annotations'];

/**
 * Resource descriptors in a JSON value.
 *
 * @throws CodedError ERR_EXPORT_SIGNATURE_INVALID for other things, unknown members included
 */
export function resourcesFrom(value: JsonValue | undefined, name: string): readonly ResourceDescriptor[] {
  const resources = asObjects(value);
  if (resources === undefined) throw signatureInvalid(name, 'expected a list of resource descriptors');
  for (const resource of resources) {
    onlyMembers(resource, RESOURCE_MEMBERS, name);
    const digests = Object.values(asObject(resource['digest'] ?? {}) ?? { digest: false });
    const annotations = asObject(resource['annotations'] ?? {});
    const texts = RESOURCE_TEXTS.map((member) => resource[member] ?? '');
    if (annotations === undefined || [...digests, ...texts].some((text) => typeof text !== 'string')) {
      throw signatureInvalid(name, 'a resource descriptor has a member of the wrong type');
    }
  }
  return resources as readonly unknown[] as readonly ResourceDescriptor[];
}

const HEX = /^[0-9a-f]+$/;

function subjectsFault(subjects: readonly StatementSubject[]): string | undefined {
  if (subjects.length === 0 || subjects.length > MAX_SUBJECTS) {
    return `expected 1 to ${MAX_SUBJECTS} subjects, got ${subjects.length}`;
  }
  for (const [index, { digest }] of subjects.entries()) {
    const digests = Object.entries(asObject(digest as JsonObject | undefined) ?? {});
    if (digests.length === 0) return `subject ${index}: no digest`;
    const wrong = digests.find(([algorithm, hex]) => !isHexDigest(algorithm, hex));
    if (wrong !== undefined) return `subject ${index}: ${wrong[0]} is not lower-case hex of the right length`;
  }
  return undefined;
}

function isHexDigest(algorithm: string, hex: JsonValue): boolean {
  if (typeof hex !== 'string' || hex.length % 2 !== 0 || !HEX.test(hex)) return false;
  return algorithm === 'sha256' || algorithm === 'sha512' ? isDigest(`${algorithm}:${hex}`) : true;
}
