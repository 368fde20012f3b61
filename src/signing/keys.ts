import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { CodedError, trimEndOf } from '#core';

/** What a key is for: `p256` for everything that cosign reads, `ed25519` for TUF metadata (docs/adr/0013-ed25519.md). */
export type KeyKind = 'p256' | 'ed25519';

/** The kinds that sign TUF metadata. */
export const tufKeyKinds: readonly KeyKind[] = ['ed25519', 'p256'];

/** A private key and its public half. */
export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** OpenSSL's name of NIST P-256, the one curve that every cosign signs and verifies alike (docs/adr/0005-signing.md). */
const CURVE = 'prime256v1';

/** A new key pair, ECDSA on P-256 unless told. */
export function generateKeyPair(kind: KeyKind = 'p256'): KeyPair {
  return kind === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: CURVE });
}

/** The public half of either half as SubjectPublicKeyInfo PEM (RFC 7468 §13), the form of `cosign.pub`. */
export function encodePublicKey(key: KeyObject): string {
  return publicHalf(requireKind(key, 'the key', tufKeyKinds)).export({ format: 'pem', type: 'spki' }) as string;
}

const PEM_LABEL = /^-----BEGIN ([A-Z0-9 ]+)-----/m;

/**
 * The public key in a `cosign.pub`: SubjectPublicKeyInfo PEM.
 *
 * @param name what the file is called in an error
 * @param kinds the kinds that are accepted, P-256 alone unless told
 * @throws CodedError ERR_EXPORT_KEY_INVALID for anything else, private keys and other kinds of key included
 */
export function parsePublicKey(pem: string, name: string, kinds: readonly KeyKind[] = ['p256']): KeyObject {
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
  return requireKind(key, name, kinds);
}

const KIND_NAMES: Readonly<Record<KeyKind, string>> = { p256: 'ECDSA on P-256', ed25519: 'Ed25519' };

/** The kind of a key; undefined for any that nothing here signs with. */
export function kindOf(key: KeyObject): KeyKind | undefined {
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519';
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === CURVE ? 'p256' : undefined;
}

/** The key itself if it is of one of these kinds; what it is instead says the error. */
export function requireKind(key: KeyObject, name: string, kinds: readonly KeyKind[]): KeyObject {
  const found = kindOf(key);
  if (found !== undefined && kinds.includes(found)) return key;
  const curve = key.asymmetricKeyDetails?.namedCurve;
  const kind = key.asymmetricKeyType ?? key.type;
  throw keyInvalid(
    name,
    `${kind}${curve === undefined ? '' : ` on ${curve}`}, but only ${kinds.map((each) => KIND_NAMES[each]).join(' or ')} is accepted`,
    `create a key with: export-center keys generate ${kinds.includes('p256') ? '' : '--type ed25519 '}--out DIR`,
  );
}

/** The public half of either half. */
export function publicHalf(key: KeyObject): KeyObject {
  return key.type === 'private' ? createPublicKey(key) : key;
}

/**
 * The name of a key that DSSE envelopes carry: the OpenSSH fingerprint, `SHA256:` and the unpadded base64 of the
 * SHA-256 over the key in SSH wire form (RFC 5656 §3.1, RFC 8709 §4). cosign refuses an envelope whose keyid is any
 * other text.
 */
export function keyidOf(key: KeyObject): string {
  const wire = Buffer.concat(sshParts(key).map(sshString));
  return `SHA256:${trimEndOf(createHash('sha256').update(wire).digest('base64'), '=')}`;
}

function sshParts(key: KeyObject): readonly (string | Uint8Array)[] {
  const { x, y } = publicHalf(requireKind(key, 'the key', tufKeyKinds)).export({ format: 'jwk' });
  if (x === undefined) throw new TypeError('the key has no coordinates');
  const first = Buffer.from(x, 'base64url');
  // An Ed25519 key has one coordinate; a point on P-256 is 04, x, y (SEC 1 §2.3.3).
  if (y === undefined) return ['ssh-ed25519', first];
  return ['ecdsa-sha2-nistp256', 'nistp256', Buffer.concat([Buffer.of(4), first, Buffer.from(y, 'base64url')])];
}

/** The name that cosign itself gives a key in the sigstore bundles it writes: base64 of SHA-256 over the SPKI DER. */
export function cosignHintOf(key: KeyObject): string {
  const der = publicHalf(key).export({ format: 'der', type: 'spki' });
  return createHash('sha256').update(der).digest('base64');
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
