import { createPrivateKey, type KeyObject, randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { CodedError, type JsonObject, type JsonValue, parseJsonObject } from '#core';
import { base64From, encodeBase64 } from './base64.ts';
import { type KeyKind, keyInvalid, requireKind, tufKeyKinds } from './keys.ts';

const LABEL = 'ENCRYPTED SIGSTORE PRIVATE KEY';
const LABELS_READ: readonly string[] = [LABEL, 'ENCRYPTED COSIGN PRIVATE KEY'];

/** What cosign writes, and all that it reads. */
const COST = 65_536;
const COSTS_READ: readonly number[] = [32_768, 65_536, 131_072];
const BLOCK_SIZE = 8;
const PARALLELISM = 1;

/** scrypt needs 128 · N · r bytes: 128 MiB at the highest cost, and Node's default ceiling is 32 MiB. */
const SCRYPT_MAX_BYTES = 256 * 1024 * 1024;
const KEY_BYTES = 32;
const SALT_BYTES = 32;
const NONCE_BYTES = 24;
const TAG_BYTES = 16;

const scryptAsync = promisify<string, Uint8Array, number, object, Buffer>(scrypt);

/**
 * A private key as cosign's encrypted PEM: scrypt (N 65536, r 8, p 1) makes a key of the password, NaCl's secretbox
 * seals the PKCS#8 DER with it. Salt and nonce are random. The password may be empty.
 */
export async function encodePrivateKey(key: KeyObject, password: string): Promise<string> {
  const plain = requireKind(key, 'the private key', tufKeyKinds).export({ format: 'der', type: 'pkcs8' });
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const sealingKey = await deriveKey(password, salt, COST);
  try {
    const body = {
      kdf: { name: 'scrypt', params: { N: COST, r: BLOCK_SIZE, p: PARALLELISM }, salt: encodeBase64(salt) },
      cipher: { name: 'nacl/secretbox', nonce: encodeBase64(nonce) },
      ciphertext: encodeBase64((await secretbox())(sealingKey, nonce).encrypt(plain)),
    };
    return encodePem(JSON.stringify(body));
  } finally {
    sealingKey.fill(0);
    plain.fill(0);
  }
}

/**
 * The private key in cosign's encrypted PEM, written by us or by cosign.
 *
 * @param name what the file is called in an error
 * @param kinds the kinds that are accepted, P-256 alone unless told
 * @throws CodedError ERR_EXPORT_PASSWORD_WRONG where the box does not open (a damaged ciphertext looks the same),
 *   ERR_EXPORT_KEY_INVALID for a broken file, other scrypt parameters, and keys of other kinds
 */
export async function decodePrivateKey(
  pem: string,
  password: string,
  name: string,
  kinds: readonly KeyKind[] = ['p256'],
): Promise<KeyObject> {
  const sealed = parseSealed(decodePem(pem, name), name);
  const sealingKey = await deriveKey(password, sealed.salt, sealed.cost);
  let plain: Uint8Array | undefined;
  try {
    plain = open(sealed, sealingKey, await secretbox());
    if (plain === undefined) throw passwordWrong(name);
    return requireKind(privateKeyFrom(plain, name), name, kinds);
  } finally {
    sealingKey.fill(0);
    plain?.fill(0);
  }
}

/** NaCl's secretbox, loaded where a key file is read or written. */
async function secretbox() {
  return (await import('@noble/ciphers/salsa.js')).xsalsa20poly1305;
}

type Secretbox = Awaited<ReturnType<typeof secretbox>>;

interface Sealed {
  readonly cost: number;
  readonly salt: Uint8Array;
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** What the box holds; undefined where it does not open. The library's error is dropped: it tells the user nothing. */
function open({ nonce, ciphertext }: Sealed, sealingKey: Uint8Array, box: Secretbox): Uint8Array | undefined {
  try {
    return box(sealingKey, nonce).decrypt(ciphertext);
  } catch {
    return undefined;
  }
}

function privateKeyFrom(der: Uint8Array, name: string): KeyObject {
  try {
    return createPrivateKey({ key: Buffer.from(der.buffer, der.byteOffset, der.length), format: 'der', type: 'pkcs8' });
  } catch {
    throw keyInvalid(name, 'the password is right, but the content is not a PKCS#8 key', BROKEN);
  }
}

function passwordWrong(name: string): CodedError {
  return new CodedError('ERR_EXPORT_PASSWORD_WRONG', `${name}: wrong password for this key`, {
    hint: 'set COSIGN_PASSWORD to the password that the key was created with; if it is right, the file is damaged',
    details: { name },
  });
}

/** Whether a PEM text holds a PKCS#8 key without a password (RFC 5958), which `decodePkcs8Key` reads. */
export function isPlainPkcs8(pem: string): boolean {
  return pem.trimStart().startsWith('-----BEGIN PRIVATE KEY-----');
}

/**
 * The private key in PKCS#8 PEM without a password.
 *
 * @param name what the file is called in an error
 * @throws CodedError ERR_EXPORT_KEY_INVALID for a broken file, and for keys of other kinds
 */
export function decodePkcs8Key(pem: string, name: string, kinds: readonly KeyKind[]): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // The error of OpenSSL is dropped: it may quote the file.
    throw keyInvalid(name, 'the PRIVATE KEY in it cannot be decoded', BROKEN);
  }
  return requireKind(key, name, kinds);
}

const BROKEN = 'restore the file from a copy; a key that is lost cannot be recovered';

function deriveKey(password: string, salt: Uint8Array, cost: number): Promise<Buffer> {
  const options = { N: cost, r: BLOCK_SIZE, p: PARALLELISM, maxmem: SCRYPT_MAX_BYTES };
  return scryptAsync(password, salt, KEY_BYTES, options);
}

function parseSealed(json: Uint8Array, name: string): Sealed {
  let body: JsonObject;
  try {
    body = parseJsonObject(json, name);
  } catch (cause) {
    throw keyInvalid(name, 'the body of the PEM is not the JSON of an encrypted key', BROKEN, cause);
  }
  const kdf = objectIn(body, 'kdf', name);
  const params = objectIn(kdf, 'params', name);
  const cipher = objectIn(body, 'cipher', name);
  const cost = params['N'];
  const known = kdf['name'] === 'scrypt' && cipher['name'] === 'nacl/secretbox';
  const costKnown = typeof cost === 'number' && COSTS_READ.includes(cost);
  if (!known || !costKnown || params['r'] !== BLOCK_SIZE || params['p'] !== PARALLELISM) {
    const want = `scrypt with N one of ${COSTS_READ.join(', ')}, r 8, p 1, and nacl/secretbox`;
    throw keyInvalid(name, `unsupported encryption, expected ${want}`, 'encrypt it again with: cosign import-key-pair');
  }
  const ciphertext = bytesIn(body, 'ciphertext', name);
  if (ciphertext.length <= TAG_BYTES) throw keyInvalid(name, 'ciphertext: too short to hold a key', BROKEN);
  const salt = bytesIn(kdf, 'salt', name, SALT_BYTES);
  return { cost, salt, nonce: bytesIn(cipher, 'nonce', name, NONCE_BYTES), ciphertext };
}

function objectIn(parent: JsonObject, member: string, name: string): JsonObject {
  const value: JsonValue | undefined = parent[member];
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as JsonObject;
  throw keyInvalid(name, `${member}: expected an object`, BROKEN);
}

function bytesIn(parent: JsonObject, member: string, name: string, length?: number): Uint8Array {
  const value = parent[member];
  const bytes = typeof value === 'string' ? base64From(value) : undefined;
  if (bytes !== undefined && (length === undefined || bytes.length === length)) return bytes;
  const want = length === undefined ? 'base64' : `base64 of ${length} bytes`;
  throw keyInvalid(name, `${member}: expected ${want}`, BROKEN);
}

function encodePem(body: string): string {
  const lines = encodeBase64(Buffer.from(body, 'utf8')).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${LABEL}-----\n${lines.join('\n')}\n-----END ${LABEL}-----\n`;
}

const PEM = /^-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----\s*$/;

function decodePem(pem: string, name: string): Uint8Array {
  const match = PEM.exec(pem.trimStart());
  const label = match?.[1] ?? /-----BEGIN ([A-Z0-9 ]+)-----/.exec(pem)?.[1];
  if (label === undefined) throw keyInvalid(name, 'not a PEM file', 'specify a cosign.key');
  if (!LABELS_READ.includes(label)) throw otherPem(label, name);
  const body = match === null ? undefined : base64From((match[2] as string).replace(/\s+/g, ''));
  if (body === undefined) throw keyInvalid(name, 'damaged PEM text', BROKEN);
  return body;
}

function otherPem(label: string, name: string): CodedError {
  if (label === 'PUBLIC KEY') {
    return keyInvalid(name, 'expected a private key, got a public key', 'specify the cosign.key that belongs to it');
  }
  return keyInvalid(
    name,
    `PEM of ${label}, not ${LABEL}`,
    'turn it into a cosign.key with: cosign import-key-pair --key FILE (decrypt PKCS#8 with a password first)',
  );
}
