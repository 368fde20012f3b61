import { type Digest, type JsonObject, mediaTypes } from '#core';
import { base64From } from './base64.ts';
import { claimedKeyids, type Envelope, envelopeFrom, isSignedBy } from './dsse.ts';
import { asObject, asString, onlyMembers, parseSignedJson, signatureInvalid } from './faults.ts';
import type { Verifier } from './signer.ts';
import { isBundleType, type SigstoreBundleManifest } from './sigstore-bundle.ts';
import { parseSimpleSigning, type SimpleSigning } from './simple-signing.ts';
import { isAbout, parseStatement, type Statement } from './statement.ts';
import type { TagLayer } from './tag-manifest.ts';

/** A statement that the verifier's key signed, and the envelope, so that the other form can be made of it. */
export interface VerifiedStatement {
  readonly statement: Statement;
  readonly envelope: Envelope;
}

/** Against what an object is verified. */
export interface VerifyContext {
  /** The manifest that it has to be about. */
  readonly subject: Digest;
  readonly verifier: Verifier;
  /** What the object is called in an error. */
  readonly name: string;
}

/**
 * Verifies a signature in the legacy form. The signature of this key over this subject is returned; undefined says
 * that it is another signer's.
 *
 * A layer is ours if the key signed it, or if its annotation names the key; the payload itself names none.
 *
 * @param payload the layer's blob, checked against its digest
 * @throws CodedError ERR_EXPORT_SIGNATURE_INVALID when it is ours, but invalid
 */
export function verifySignatureLayer(
  layer: TagLayer,
  payload: Uint8Array,
  { subject, verifier, name }: VerifyContext,
): SimpleSigning | undefined {
  const signature = base64From(layer.signature ?? '');
  const signed = signature !== undefined && verifier.hasSigned(payload, signature);
  if (!signed) return notOurs(verifier.isNamedBy(layer.keyid), name);
  if (layer.descriptor.mediaType !== mediaTypes.cosignSimpleSigning) {
    throw signatureInvalid(name, `a signature of type ${layer.descriptor.mediaType}`);
  }
  const signing = parseSimpleSigning(payload, name);
  if (signing.digest !== subject) throw signatureInvalid(name, `it signs ${signing.digest}, not ${subject}`);
  return signing;
}

/**
 * Verifies an attestation in the legacy form; undefined says that it is another signer's.
 *
 * @param blob the layer's blob, checked against its digest
 * @throws CodedError ERR_EXPORT_SIGNATURE_INVALID when it is ours but invalid
 */
export function verifyAttestationLayer(
  layer: TagLayer,
  blob: Uint8Array,
  context: VerifyContext,
): VerifiedStatement | undefined {
  const namesUs = context.verifier.isNamedBy(layer.keyid);
  if (layer.descriptor.mediaType !== mediaTypes.dsseEnvelope) return notOurs(namesUs, context.name);
  const value = jsonOrStrangers(blob, namesUs, context.name);
  return value && verifyEnvelope(value, layer, undefined, context);
}

/**
 * Verifies a sigstore bundle; undefined says that it is another signer's. Transparency log entries and timestamps in it
 * are not looked at: who holds the public key needs none.
 *
 * @param blob the manifest's layer, checked against its digest
 * @throws CodedError ERR_EXPORT_SIGNATURE_INVALID when it is ours but invalid
 */
export function verifySigstoreBundle(
  manifest: SigstoreBundleManifest,
  blob: Uint8Array,
  context: VerifyContext,
): VerifiedStatement | undefined {
  const { verifier, name, subject } = context;
  const namesUs = verifier.isNamedBy(manifest.keyid);
  if (!isBundleType(manifest.layer.mediaType)) return notOurs(namesUs, name);
  const value = jsonOrStrangers(blob, namesUs, name);
  if (value === undefined) return undefined;
  const hint = asString(asObject(asObject(value['verificationMaterial'])?.['publicKey'])?.['hint']);
  const envelope = asObject(value['dsseEnvelope']);
  if (envelope === undefined) return notOurs(namesUs || verifier.isNamedBy(hint), name);
  const verified = verifyEnvelope(envelope, manifest, hint, context);
  if (verified === undefined) return undefined;
  checkBundleForm(value, verified.envelope.keyid, name);
  if (manifest.subject !== subject) {
    throw signatureInvalid(name, `the manifest refers to ${manifest.subject ?? 'nothing'}, not ${subject}`);
  }
  return verified;
}

/** cosign reads a sigstore bundle by protobuf's JSON rules, under which an unknown member is an error. */
function checkBundleForm(value: JsonObject, keyid: string, name: string): void {
  onlyMembers(value, ['mediaType', 'verificationMaterial', 'dsseEnvelope'], name);
  if (!isBundleType(asString(value['mediaType']))) throw signatureInvalid(name, 'not a sigstore bundle v0.3');
  const material = asObject(value['verificationMaterial']) ?? {};
  onlyMembers(material, ['publicKey', 'tlogEntries', 'timestampVerificationData'], name);
  const publicKey = asObject(material['publicKey']);
  if (publicKey === undefined) throw signatureInvalid(name, 'verificationMaterial.publicKey is missing');
  onlyMembers(publicKey, ['hint'], name);
  if (keyid !== '' && publicKey['hint'] !== keyid) throw signatureInvalid(name, 'hint and keyid are not the same');
}

/** What annotations say of an envelope. They prove nothing, and ours always say both. */
interface Labels {
  readonly keyid?: string;
  readonly predicateType?: string;
}

/**
 * The statement in an envelope of ours; undefined for another signer's. A name of our key in any place makes it ours,
 * whatever the signature says.
 *
 * @param hint the name of the key in the sigstore bundle around the envelope
 */
function verifyEnvelope(
  value: JsonObject,
  labels: Labels,
  hint: string | undefined,
  { subject, verifier, name }: VerifyContext,
): VerifiedStatement | undefined {
  const namesUs = [labels.keyid, hint, ...claimedKeyids(value)].some((text) => verifier.isNamedBy(text));
  const envelope = envelopeOrStrangers(value, namesUs, name);
  if (envelope === undefined || !isSignedBy(envelope, verifier)) return notOurs(namesUs, name);
  if (envelope.keyid !== '' && envelope.keyid !== verifier.keyid) {
    throw signatureInvalid(name, `keyid ${JSON.stringify(envelope.keyid)} is not the fingerprint of the key`);
  }
  if (envelope.payloadType !== mediaTypes.inToto) {
    throw signatureInvalid(name, `payload of type ${envelope.payloadType}, not ${mediaTypes.inToto}`);
  }
  const statement = parseStatement(envelope.payload, name);
  if (!isAbout(statement, subject)) throw signatureInvalid(name, `no subject of its statement is ${subject}`);
  checkPredicateType(statement, labels, name);
  return { statement, envelope };
}

/** Clients choose objects by this annotation; some cosigns leave it out. */
function checkPredicateType(
  { predicateType: signed }: Statement,
  { keyid, predicateType }: Labels,
  name: string,
): void {
  if (predicateType === signed || (predicateType === undefined && keyid === undefined)) return;
  throw signatureInvalid(name, `annotated as ${predicateType ?? 'no predicate type'}, but its statement is ${signed}`);
}

/** A text that is not strict JSON is another signer's, unless it is labelled with our key. */
function jsonOrStrangers(bytes: Uint8Array, namesUs: boolean, name: string): JsonObject | undefined {
  try {
    return parseSignedJson(bytes, name);
  } catch (error) {
    if (namesUs) throw error;
    return undefined;
  }
}

/** An envelope that cannot be decoded is another signer's, who may follow other rules, unless it names our key. */
function envelopeOrStrangers(value: JsonObject, namesUs: boolean, name: string): Envelope | undefined {
  try {
    return envelopeFrom(value, name);
  } catch (error) {
    if (namesUs) throw error;
    return undefined;
  }
}

/** undefined for an object that does not name our key; an error for one that does, and is not signed by it. */
function notOurs(namesUs: boolean, name: string): undefined {
  if (namesUs) throw signatureInvalid(name, 'it names this key, but the key did not sign it');
  return undefined;
}
