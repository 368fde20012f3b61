import { createHash } from 'node:crypto';
import { compareInstants, type Instant } from '#core';
import { metadataRefused } from '../faults.ts';
import type { Envelope, Signed } from './envelope.ts';
import { hasTufKeySigned } from './keys.ts';
import type { RoleKeys } from './roles.ts';
import type { FileFacts } from './targets.ts';

/** The keyids whose keys have signed a document: of two keyids of one key, the first. */
export function signersOf(envelope: Envelope, role: RoleKeys): readonly string[] {
  const counted = new Map<string, string>();
  for (const [keyid, signature] of envelope.signatures) {
    const key = role.keys.get(keyid);
    if (key === undefined || counted.has(key.material)) continue;
    if (hasTufKeySigned(key, envelope.message, signature)) counted.set(key.material, keyid);
  }
  return [...counted.values()];
}

/** @throws CodedError ERR_EXPORT_SIGNATURE_INVALID where fewer keys have signed than the role asks for */
export function requireThreshold(envelope: Envelope, role: RoleKeys, signerRole: string): void {
  const count = signersOf(envelope, role).length;
  if (count >= role.threshold) return;
  const what = `signed by ${count} of the ${role.threshold} keys that ${signerRole} requires`;
  throw metadataRefused('ERR_EXPORT_SIGNATURE_INVALID', envelope.name, what);
}

/** @throws CodedError ERR_EXPORT_TUF_EXPIRED: a document is valid before `expires`, not at it */
export function requireCurrent<T extends Signed>(envelope: Envelope<T>, at: Instant): void {
  if (compareInstants(at, envelope.signed.expires) < 0) return;
  const what = `version ${envelope.signed.version} expired at ${envelope.signed.expires}, before ${at}`;
  const hint = 'get a newer kit or repository; its publisher renews it with tuf refresh or tuf rotate';
  throw metadataRefused('ERR_EXPORT_TUF_EXPIRED', envelope.name, what, hint);
}

/** @throws CodedError ERR_EXPORT_TUF_MISMATCH where bytes are not the file that trusted metadata names */
export function requireFile(bytes: Uint8Array, facts: Partial<FileFacts>, name: string): void {
  if (facts.length !== undefined && bytes.length !== facts.length) {
    throw metadataRefused('ERR_EXPORT_TUF_MISMATCH', name, `${bytes.length} bytes, but ${facts.length} are signed for`);
  }
  for (const [algorithm, hash] of facts.hashes ?? []) {
    if (createHash(algorithm).update(bytes).digest('hex') === hash) continue;
    throw metadataRefused('ERR_EXPORT_TUF_MISMATCH', name, `its ${algorithm} is not the one that is signed for`);
  }
}
