import { type KeyObject, verify } from 'node:crypto';
import { type JsonObject, mediaTypes } from '#core';
import { base64From, encodeBase64 } from './base64.ts';
import { asObjects, asString, onlyMembers, parseSignedJson, signatureInvalid } from './faults.ts';
import { kindOf } from './keys.ts';
import type { Signer, Verifier } from './signer.ts';
import { sigstoreBundle, sigstoreCore, sigstoreVerify } from './sigstore.ts';
import { encodeStatement, type Statement } from './statement.ts';

/** A DSSE envelope v1 with one signature, its fields decoded. */
export interface Envelope {
  readonly payloadType: string;
  readonly payload: Uint8Array;
  /** Empty, or keyidOf the key. */
  readonly keyid: string;
  readonly signature: Uint8Array;
}

/** Signs a statement once; the envelope serves the legacy form and the sigstore bundle alike. */
export async function signStatement(statement: Statement, signer: Signer): Promise<Envelope> {
  const payload = encodeStatement(statement);
  const signature = await signer.sign(sigstoreCore().dsse.preAuthEncoding(mediaTypes.inToto, Buffer.from(payload)));
  // cosign accepts no keyid but the OpenSSH fingerprint, which is what the signer calls its key.
  return { payloadType: mediaTypes.inToto, payload, keyid: signer.keyid, signature };
}

/** The JSON of an envelope, members in the order in which cosign writes them (DSSE envelope.md, v1). */
export function encodeEnvelope({ payloadType, payload, keyid, signature }: Envelope): Uint8Array {
  const signatures = [{ keyid, sig: encodeBase64(signature) }];
  return Buffer.from(JSON.stringify({ payloadType, payload: encodeBase64(payload), signatures }), 'utf8');
}

/**
 * The envelope in a JSON text: no unknown member, exactly one signature, base64 in its one spelling.
 *
 * @throws CodedError ERR_EXPORT_SIGNATURE_INVALID
 */
export function decodeEnvelope(bytes: Uint8Array, name: string): Envelope {
  return envelopeFrom(parseSignedJson(bytes, name), name);
}

/** decodeEnvelope for a value that has been parsed. */
export function envelopeFrom(value: JsonObject, name: string): Envelope {
  onlyMembers(value, ['payloadType', 'payload', 'signatures'], name);
  const signatures = asObjects(value['signatures']);
  const [first] = signatures ?? [];
  if (first === undefined || signatures?.length !== 1) {
    throw signatureInvalid(name, `expected one DSSE signature, got ${signatures?.length ?? 'none'}`);
  }
  onlyMembers(first, ['keyid', 'sig'], name);
  const payloadType = asString(value['payloadType']);
  if (payloadType === undefined) throw signatureInvalid(name, 'payloadType: expected a string');
  const keyid = first['keyid'] === undefined ? '' : asString(first['keyid']);
  if (keyid === undefined) throw signatureInvalid(name, 'keyid: expected a string');
  return { payloadType, payload: bytesOf(value, 'payload', name), keyid, signature: bytesOf(first, 'sig', name) };
}

function bytesOf(object: JsonObject, member: string, name: string): Uint8Array {
  const bytes = base64From(asString(object[member]) ?? '');
  if (bytes !== undefined && bytes.length > 0) return bytes;
  throw signatureInvalid(name, `${member}: expected base64`);
}

/** The keyids that an envelope claims, however malformed the rest of it is. */
export function claimedKeyids(value: JsonObject): readonly string[] {
  const keyids = (asObjects(value['signatures']) ?? []).map((signature) => asString(signature['keyid']));
  return keyids.filter((keyid) => keyid !== undefined);
}

/** Whether the verifier's key made the envelope's signature, over PAE(payloadType, payload). */
export function isSignedBy(envelope: Envelope, verifier: Verifier): boolean {
  const { Verifier: SigstoreVerifier, toSignedEntity, VerificationError } = sigstoreVerify();
  const bundle = sigstoreBundle().toDSSEBundle({
    artifact: Buffer.from(envelope.payload),
    artifactType: envelope.payloadType,
    signature: Buffer.from(envelope.signature),
    keyHint: verifier.keyid,
  });
  const key = { publicKey: verifier.publicKey, validFor: () => true };
  const trust = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [], publicKey: () => key };
  const thresholds = { tlogThreshold: 0, timestampThreshold: 0, ctlogThreshold: 0 };
  try {
    new SigstoreVerifier(trust, thresholds).verify(toSignedEntity(bundle));
    return true;
  } catch (error) {
    if (error instanceof VerificationError) return false;
    throw error;
  }
}

/** Whether an Ed25519 key made the envelope's signature, over PAE(payloadType, payload); false for keys of other kinds. */
export function isSignedByEd25519({ payloadType, payload, signature }: Envelope, publicKey: KeyObject): boolean {
  if (kindOf(publicKey) !== 'ed25519') return false;
  return verify(null, sigstoreCore().dsse.preAuthEncoding(payloadType, Buffer.from(payload)), publicKey, signature);
}
