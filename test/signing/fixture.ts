import { type Digest, digestOf, type Instant, mediaTypes } from '#core';
import {
  createSigner,
  createVerifier,
  type Envelope,
  encodeEnvelope,
  encodeSigstoreBundle,
  generateKeyPair,
  packAttestationTag,
  packSignatureTag,
  packSigstoreBundle,
  parseSigstoreBundleManifest,
  parseTagManifest,
  type SignedObject,
  type Signer,
  signatureStatement,
  signStatement,
  type Verifier,
  type VerifyContext,
  verifyAttestationLayer,
  verifySignatureLayer,
  verifySigstoreBundle,
} from '#signing';

const manifestBytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, layers: [] }));
/** A manifest to be signed. */
export const subject = {
  mediaType: mediaTypes.ociManifest,
  digest: digestOf(manifestBytes),
  size: manifestBytes.length,
};
export const created = '2026-08-22T00:00:00Z' as Instant;
export const dockerReference = '127.0.0.1:5000/security/feed';

/** A key, and what it makes and knows. */
export interface SignerFixture {
  readonly signer: Signer;
  readonly verifier: Verifier;
}

export function newSignerFixture(): SignerFixture {
  const { privateKey, publicKey } = generateKeyPair();
  return { signer: createSigner(privateKey), verifier: createVerifier(publicKey) };
}

export function contextOf(verifier: Verifier, of: Digest = subject.digest): VerifyContext {
  return { subject: of, verifier, name: 'the object' };
}

/** The bytes of the blob that a layer of an object names. */
export function blobIn(object: SignedObject, digest: Digest): Uint8Array {
  const blob = object.blobs.find(({ descriptor }) => descriptor.digest === digest);
  if (blob === undefined) throw new Error(`the object has no blob ${digest}`);
  return blob.bytes;
}

/** A text with one place changed; an error where the place is not there, so that no damage is done in vain. */
export function damaged(bytes: Uint8Array, from: string | RegExp, to: string): Uint8Array {
  const text = Buffer.from(bytes).toString();
  const changed = text.replace(from, to);
  if (changed === text) throw new Error(`nothing to change: ${from}`);
  return Buffer.from(changed);
}

/** Another character of base64 in the middle of a base64 text. */
export function flipped(base64: string): string {
  const at = Math.floor(base64.length / 2);
  return base64.slice(0, at) + (base64[at] === 'A' ? 'B' : 'A') + base64.slice(at + 1);
}

/** A signature of the subject in all forms, as published. */
export async function signSubject(signer: Signer) {
  const envelope = await signStatement(signatureStatement(subject.digest), signer);
  const predicateType = 'https://sigstore.dev/cosign/sign/v1';
  return {
    envelope,
    tag: await packSignatureTag(subject.digest, dockerReference, signer),
    attestation: packAttestationTag(subject.digest, envelope, predicateType),
    bundle: packSigstoreBundle(subject, envelope, { predicateType, created }),
  };
}

/** What becomes of an object when it is fetched and verified; each may be damaged on the way. */
export interface Damage {
  readonly manifest?: (bytes: Uint8Array) => Uint8Array;
  readonly blob?: (bytes: Uint8Array) => Uint8Array;
}

const same = (bytes: Uint8Array) => bytes;

export function verifyTag(object: SignedObject, context: VerifyContext, damage: Damage = {}) {
  const { manifest = same, blob = same } = damage;
  const [layer] = parseTagManifest(manifest(object.manifest.bytes), 'the tag').layers;
  if (layer === undefined) throw new Error('no layer');
  return verifySignatureLayer(layer, blob(firstBlob(object)), context);
}

export function verifyAttestation(object: SignedObject, context: VerifyContext, damage: Damage = {}) {
  const { manifest = same, blob = same } = damage;
  const [layer] = parseTagManifest(manifest(object.manifest.bytes), 'the tag').layers;
  if (layer === undefined) throw new Error('no layer');
  return verifyAttestationLayer(layer, blob(firstBlob(object)), context);
}

export function verifyBundle(object: SignedObject, context: VerifyContext, damage: Damage = {}) {
  const { manifest = same, blob = same } = damage;
  const parsed = parseSigstoreBundleManifest(manifest(object.manifest.bytes), 'the referrer');
  if (parsed === undefined) return undefined;
  return verifySigstoreBundle(parsed, blob(firstBlob(object)), context);
}

function firstBlob(object: SignedObject): Uint8Array {
  const [blob] = object.blobs;
  if (blob === undefined) throw new Error('no blob');
  return blob.bytes;
}

/** An envelope with other fields, encoded as `.att` and as sigstore bundle. */
export function remade(envelope: Envelope, change: Partial<Envelope>) {
  const other = { ...envelope, ...change };
  return { attestation: encodeEnvelope(other), bundle: encodeSigstoreBundle(other) };
}
