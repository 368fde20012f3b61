import type { JsonObject } from '#core';
import { parseJsonObject } from '#core';
import type { Signer } from '#signing';
import { metadataRefused } from '../faults.ts';
import { type Envelope, encodeOlpc, encodeTufKey, type RoleKeys, tufKeyidOf } from '../metadata.ts';

/** The keyid of a signer in TUF metadata. */
export function keyidOfSigner({ publicKey }: Pick<Signer, 'publicKey'>): string {
  return tufKeyidOf(encodeTufKey(publicKey));
}

/** The bytes of a document with these signatures, as it is published. */
export function encodeDocument(signed: JsonObject, signatures: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const list = [...signatures].map(([keyid, sig]) => ({ keyid, sig: Buffer.from(sig).toString('hex') }));
  list.sort((a, b) => (a.keyid < b.keyid ? -1 : 1));
  return Buffer.from(`${JSON.stringify({ signatures: list, signed }, undefined, 1)}\n`);
}

/** What is signed in a document, to make the next version of it. */
export function signedOf({ bytes, name }: Envelope): JsonObject {
  return parseJsonObject(bytes, name)['signed'] as JsonObject;
}

/**
 * A document signed by those of the signers whose keys the role names.
 *
 * @throws CodedError ERR_EXPORT_TUF_STATE where they are fewer than the threshold
 */
export async function signDocument(
  name: string,
  signed: JsonObject,
  role: RoleKeys,
  signers: readonly Signer[],
): Promise<Uint8Array> {
  const message = encodeOlpc(signed);
  const signatures = new Map<string, Uint8Array>();
  for (const signer of signers) {
    const keyid = keyidOfSigner(signer);
    if (role.keys.has(keyid) && !signatures.has(keyid)) signatures.set(keyid, await signer.sign(message));
  }
  if (signatures.size >= role.threshold) return encodeDocument(signed, signatures);
  const keyids = [...role.keys.keys()].map((keyid) => keyid.slice(0, 12)).join(' or ');
  throw metadataRefused(
    'ERR_EXPORT_TUF_STATE',
    name,
    `needs signatures by ${role.threshold} of its keys, and ${signatures.size} of them are given`,
    `give the private key of ${keyids} with the option for this role`,
  );
}
