import { sign as cryptoSign, type KeyObject } from 'node:crypto';
import { cosignHintOf, keyidOf, kindOf, publicHalf, requireKind, tufKeyKinds } from './keys.ts';
import { sigstoreCore } from './sigstore.ts';

/** Makes signatures with one private key, wherever that key lies. */
export interface Signer {
  /** What envelopes call the key: keyidOf its public half. */
  readonly keyid: string;
  readonly publicKey: KeyObject;
  /**
   * Over `message`: ECDSA P-256 with SHA-256 in ASN.1 DER, which is random, so that two calls give two signatures; or
   * Ed25519 (RFC 8032), which is not.
   */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** Knows one public key, the names that objects call it by, and what it has signed. */
export interface Verifier {
  readonly keyid: string;
  readonly publicKey: KeyObject;
  /** Whether `name`, a keyid or a hint that an object carries, is a name of this key. Proves nothing. */
  isNamedBy(name: string | undefined): boolean;
  /** Whether this key made `signature` (ASN.1 DER) over `message`. Only to tell our objects from those of other signers. */
  hasSigned(message: Uint8Array, signature: Uint8Array): boolean;
}

/**
 * A signer that holds the private key in this process.
 *
 * @throws CodedError ERR_EXPORT_KEY_INVALID when it is neither ECDSA P-256 nor Ed25519
 */
export function createSigner(privateKey: KeyObject): Signer {
  if (privateKey.type !== 'private') throw new TypeError(`expected a private key, got a ${privateKey.type} one`);
  const publicKey = publicHalf(requireKind(privateKey, 'the private key', tufKeyKinds));
  const algorithm = kindOf(privateKey) === 'ed25519' ? null : 'sha256';
  return {
    keyid: keyidOf(publicKey),
    publicKey,
    sign: async (message) => new Uint8Array(cryptoSign(algorithm, message, { key: privateKey, dsaEncoding: 'der' })),
  };
}

/**
 * A verifier for one public key.
 *
 * @throws CodedError ERR_EXPORT_KEY_INVALID when it is not ECDSA P-256
 */
export function createVerifier(publicKey: KeyObject): Verifier {
  if (publicKey.type !== 'public') throw new TypeError(`expected a public key, got a ${publicKey.type} one`);
  requireKind(publicKey, 'the public key', ['p256']);
  const names = [keyidOf(publicKey), cosignHintOf(publicKey)];
  return {
    keyid: names[0] as string,
    publicKey,
    isNamedBy: (name) => name !== undefined && names.includes(name),
    hasSigned: (message, signature) =>
      sigstoreCore().crypto.verify(Buffer.from(message), publicKey, Buffer.from(signature), 'sha256'),
  };
}
