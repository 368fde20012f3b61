import { type KeyObject, verify } from 'node:crypto';

/**
 * The file of a signature: base64 and a line feed, as `cosign verify-blob` and `openssl pkeyutl -verify -rawin` read it.
 */
export function encodeSignature(signature: Uint8Array): Buffer {
  return Buffer.from(`${Buffer.from(signature).toString('base64')}\n`);
}

/**
 * Whether one of these Ed25519 keys made the signature in a file. A file that is not exactly as encodeSignature writes it
 * is none: not every bit of base64 counts.
 */
export function isSignedByAny(keys: readonly KeyObject[], message: Uint8Array, file: Uint8Array): boolean {
  const signature = Buffer.from(Buffer.from(file).toString('latin1'), 'base64');
  if (!encodeSignature(signature).equals(file)) return false;
  return keys.some((key) => key.asymmetricKeyType === 'ed25519' && verify(null, message, key, signature));
}
