import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { CodedError, trimEndOf } from '#core';

/** A private key and its public half, both ECDSA on P-256. */
export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** OpenSSL's name of NIST P-256, the one curve that every cosign signs and verifies alike (docs/adr/0005-signing.md). */
const CURVE = 'prime256v1';

/** A new key pair on P-256. */
export function generateKeyPair(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: CURVE });
}

/** The public half of either half as SubjectPublicKeyInfo PEM (RFC 7468 §13), the form of `cosign.pub`. */
export function encodePublicKey(key: KeyObject): string {
  return publicHalf(requireP256(key, 'the key')).export({ format: 'pem', type: 'spki' }) as string;
}

const PEM_LABEL = /^-----BEGIN ([A-Z0-9 ]+)-----/m;

/**
 * The public key in a `cosign.pub`: SubjectPublicKeyInfo PEM, ECDSA P-256.
 *
 * @param name what the file is called in an error
 * @throws CodedError ERR_EXPORT_KEY_INVALID for anything else, private keys and other kinds of key included
 */
export function parsePublicKey(pem: string, name: string): KeyObject {
  const label = PEM_LABEL.exec(pem)?.[1];
  if (label?.includes('PRIVATE KEY')) {
    throw keyInvalid(name, 'expected a public key, got a private key', 'specify the cosign.pub that belongs to it');
  }
  if (label !== 'PUBLIC KEY') {
    throw keyInvalid(
      name,
      label === undefined ? 'not a PEM file' : `PEM of ${label}, not PUBLIC KEY`,
      'specify a cosign.pub, or write one with: export-center keys public --key cosign.key',
    );
  }
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (cause) {
    throw keyInvalid(name, 'the PUBLIC KEY in it cannot be decoded', 'fetch the file again', cause);
  }
  return requireP256(key, name);
}

/** The key itself if it is ECDSA on P-256; what else there is says the error. */
export function requireP256(key: KeyObject, name: string): KeyObject {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (key.asymmetricKeyType === 'ec' && curve === CURVE) return key;
  const kind = key.asymmetricKeyType ?? key.type;
  throw keyInvalid(
    name,
    `${kind}${curve === undefined ? '' : ` on ${curve}`}, but only ECDSA on P-256 is accepted`,
    'create a key with: export-center keys generate --out DIR',
  );
}

/** The public half of either half. */
export function publicHalf(key: KeyObject): KeyObject {
  return key.type === 'private' ? createPublicKey(key) : key;
}

/**
 * The name of a key that DSSE envelopes carry: the OpenSSH fingerprint, `SHA256:` and the unpadded base64 of the
 * SHA-256 over the key in SSH wire form (RFC 5656 §3.1). cosign refuses an envelope whose keyid is any other text.
 */
export function keyidOf(key: KeyObject): string {
  const wire = Buffer.concat(['ecdsa-sha2-nistp256', 'nistp256', uncompressedPoint(key)].map(sshString));
  return `SHA256:${trimEndOf(createHash('sha256').update(wire).digest('base64'), '=')}`;
}

/** The name that cosign itself gives a key in the sigstore bundles it writes: base64 of SHA-256 over the SPKI DER. */
export function cosignHintOf(key: KeyObject): string {
  const der = publicHalf(key).export({ format: 'der', type: 'spki' });
  return createHash('sha256').update(der).digest('base64');
}

/** SEC 1 §2.3.3: 04, x, y. */
function uncompressedPoint(key: KeyObject): Uint8Array {
  const { x, y } = publicHalf(requireP256(key, 'the key')).export({ format: 'jwk' });
  if (x === undefined || y === undefined) throw new TypeError('the key has no coordinates');
  return Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
}

/** RFC 4251 §5 `string`: length as uint32, big-endian, then the bytes. */
function sshString(value: string | Uint8Array): Uint8Array {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'ascii') : value;
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** The error for a key file that is not usable; the caller ensures that `what` holds no secret. */
export function keyInvalid(name: string, what: string, hint: string, cause?: unknown): CodedError {
  return new CodedError('ERR_EXPORT_KEY_INVALID', `${name}: ${what}`, { hint, details: { name }, cause });
}
