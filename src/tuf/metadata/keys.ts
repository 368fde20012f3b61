import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { JsonObject } from '#core';
import { encodePublicKey, kindOf, parsePublicKey } from '#signing';
import { encodeOlpc } from './canonical.ts';
import type { JsonNode } from './node.ts';

/** A key of a root or of a delegation. */
export interface TufKey {
  readonly keyid: string;
  /** The key itself whatever it is called, hex of SHA-256: two keyids of one key count once. */
  readonly material: string;
  /** Undefined for a kind that this client cannot verify: its signatures never count. */
  readonly publicKey: KeyObject | undefined;
  readonly json: JsonObject;
}

/** `{keytype, scheme, keyval}` and nothing else, so that every client computes the same keyid. */
export function encodeTufKey(publicKey: KeyObject): JsonObject {
  if (kindOf(publicKey) === 'p256') {
    return { keytype: 'ecdsa', scheme: 'ecdsa-sha2-nistp256', keyval: { public: encodePublicKey(publicKey) } };
  }
  const { x = '' } = publicKey.export({ format: 'jwk' });
  const hex = Buffer.from(x, 'base64url').toString('hex');
  return { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: hex } };
}

/** The keyid of a key object: hex of SHA-256 over its canonical form (specification §4.2). */
export function tufKeyidOf(key: JsonObject): string {
  return sha256(encodeOlpc(key));
}

const KEYID = /^[0-9a-f]{64}$/;
const WORD = /^[\x21-\x7e]{1,64}$/;

/** A keyid as it stands in signatures and roles. */
export function parseKeyid(node: JsonNode): string {
  return node.text(KEYID, 'a keyid of 64 lower-case hex digits');
}

/**
 * A key under its keyid, which is compared with the key.
 *
 * @throws CodedError ERR_EXPORT_TUF_INVALID, also for a key whose kind is not what its scheme says
 */
export function parseTufKey(keyid: string, node: JsonNode): TufKey {
  const json = node.object();
  const keytype = node.member('keytype').text(WORD, 'a type of key');
  const scheme = node.member('scheme').text(WORD, 'a scheme');
  const value = node.member('keyval').member('public');
  const text = value.text(/^[\n\x20-\x7e]{1,8192}$/, 'a public key');
  if (tufKeyidOf(json) !== keyid) throw node.fault('the keyid is not the SHA-256 of the key');
  const publicKey = publicKeyOf(`${keytype} ${scheme}`, text, value);
  const spki = publicKey?.export({ format: 'der', type: 'spki' }) ?? Buffer.from(`${keytype} ${text}`);
  return { keyid, material: sha256(spki), publicKey, json };
}

function publicKeyOf(kind: string, text: string, node: JsonNode): KeyObject | undefined {
  switch (kind) {
    case 'ed25519 ed25519':
      if (!/^[0-9a-f]{64}$/.test(text)) throw node.fault('expected an Ed25519 key of 64 lower-case hex digits');
      return createPublicKey({
        key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(text, 'hex').toString('base64url') },
        format: 'jwk',
      });
    case 'ecdsa ecdsa-sha2-nistp256':
    // The type that the specification had before 1.0.30, which repositories still hold.
    case 'ecdsa-sha2-nistp256 ecdsa-sha2-nistp256':
      try {
        return parsePublicKey(text, 'the key');
      } catch (cause) {
        throw node.fault(`expected the PEM of a public key on P-256 (${(cause as Error).message})`);
      }
    default:
      return undefined;
  }
}

/** Whether a key made a signature: Ed25519, or ECDSA in ASN.1 DER over SHA-256. */
export function hasTufKeySigned({ publicKey }: TufKey, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey === undefined || signature.length === 0) return false;
  const algorithm = kindOf(publicKey) === 'ed25519' ? null : 'sha256';
  return verify(algorithm, message, { key: publicKey, dsaEncoding: 'der' }, signature);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
