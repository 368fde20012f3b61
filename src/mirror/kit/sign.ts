import type { Signer } from '#signing';
import { type KitFiles, type KitPlan, kitPaths } from './plan.ts';

/**
 * The files of a kit with a signature over checksums.txt in base64, as `cosign verify-blob` and
 * `openssl pkeyutl -verify -rawin` read it; without a signer the files as they are.
 */
export async function signedFilesOf({ files }: KitPlan, signer: Signer | undefined): Promise<KitFiles> {
  if (signer === undefined) return files;
  const checksums = files.get(kitPaths.checksums) as Uint8Array;
  const signature = `${Buffer.from(await signer.sign(checksums)).toString('base64')}\n`;
  const entries = [...files];
  // checksums.txt stays the last file that is written.
  return new Map([...entries.slice(0, -1), [kitPaths.signature, Buffer.from(signature)], ...entries.slice(-1)]);
}
