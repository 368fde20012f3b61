import { type CodedError, type JsonObject, parseJsonObject } from '#core';
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

/** What is to be signed, and what the role says of it. */
export interface SigningTask {
  readonly signed: JsonObject;
  readonly keys: RoleKeys;
  readonly signers: readonly Signer[];
  /** Signatures that it has already, all of them valid and by keys of the role. */
  readonly before: ReadonlyMap<string, Uint8Array>;
}

/** The signatures of a document by those of the signers whose keys the role names, until there are enough of them. */
export async function signaturesOf({ signed, keys, signers, before }: SigningTask): Promise<Map<string, Uint8Array>> {
  const message = encodeOlpc(signed);
  const signatures = new Map(before);
  if (signatures.size >= keys.threshold) return signatures;
  for (const signer of signers) {
    const keyid = keyidOfSigner(signer);
    if (keys.keys.has(keyid) && !signatures.has(keyid)) signatures.set(keyid, await signer.sign(message));
  }
  return signatures;
}

/** The error for a document with too few signatures. */
export function lackingSignatures(
  { role, file }: { readonly role: string; readonly file: string },
  { keys, threshold }: RoleKeys,
  count: number,
): CodedError {
  const keyids = [...keys.keys()].map((keyid) => keyid.slice(0, 12)).join(' or ');
  return metadataRefused(
    'ERR_EXPORT_TUF_STATE',
    file,
    `needs signatures by ${threshold} of its keys, and ${count} of them are given`,
    `specify the private key of ${keyids} with ${optionOf(role)}`,
  );
}

function optionOf(role: string): string {
  if (role === 'targets') return '--targets-key; of export, --tuf-targets-key';
  const isOnline = role === 'snapshot' || role === 'timestamp';
  return isOnline ? '--online-key; of export, --tuf-online-key' : '--stream-key; of export, --tuf-stream-key';
}
