import { readFile } from 'node:fs/promises';
import { type VerifyReport, verifyArtifact } from '#export';
import { parseReference } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { createVerifier, parsePublicKey } from '#signing';

/** Proves an artifact as `verify` does, without the time that a process of its own takes to start. */
export async function prove(reference: string, publicKeyFile: string): Promise<VerifyReport> {
  const key = parsePublicKey(await readFile(publicKeyFile, 'utf8'), publicKeyFile);
  const parsed = parseReference(reference);
  const repository = await openRepository(parsed);
  try {
    return await verifyArtifact(parsed, repository, createVerifier(key));
  } finally {
    await repository.close();
  }
}
