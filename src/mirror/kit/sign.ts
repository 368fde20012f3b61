import type { Signer } from '#signing';
import { encodeSignature } from '../signatures.ts';
import { type KitFiles, type KitPlan, kitPaths } from './plan.ts';

/**
 * The files of a kit with a signature over checksums.txt in base64, as `cosign verify-blob` and
 * `openssl pkeyutl -verify -rawin` read it; without a signer the files as they are.
 *
 * @param signer of an Ed25519 key, whose signatures are the same each time
 */
export async function signedFilesOf({ files }: KitPlan, signer: Signer | undefined): Promise<KitFiles> {
  if (signer === undefined) return files;
  const checksums = files.get(kitPaths.checksums) as Uint8Array;
  const signature = encodeSignature(await signer.sign(checksums));
  const entries = [...files];
  // checksums.txt stays the last file that is written.
  return new Map([...entries.slice(0, -1), [kitPaths.signature, signature], ...entries.slice(-1)]);
}
