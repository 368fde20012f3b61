import type { KeyObject } from 'node:crypto';
import { open } from 'node:fs/promises';
import { CodedError, fileError } from '#core';
import { createSigner, createVerifier, decodePrivateKey, parsePublicKey, type Signer, type Verifier } from '#signing';
import type { Io } from './io.ts';
import { readPassword } from './password.ts';

/** Reads and decrypts a cosign.key; asks for the password where the environment has none. */
export async function loadPrivateKey(io: Io, path: string): Promise<KeyObject> {
  const pem = await readKeyFile(path);
  const password = await readPassword(io, `Password for ${path}: `);
  return decodePrivateKey(pem, password, path);
}

/** The signer behind a cosign.key. */
export async function loadSigner(io: Io, path: string): Promise<Signer> {
  return createSigner(await loadPrivateKey(io, path));
}

/** The verifier behind a cosign.pub. */
export async function loadVerifier(path: string): Promise<Verifier> {
  return createVerifier(parsePublicKey(await readKeyFile(path), path));
}

/** A key file has a few hundred bytes. */
const MAX_KEY_BYTES = 64 * 1024;

async function readKeyFile(path: string): Promise<string> {
  try {
    await using file = await open(path, 'r');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_KEY_BYTES + 1));
    if (bytesRead <= MAX_KEY_BYTES) return buffer.toString('utf8', 0, bytesRead);
  } catch (error) {
    throw fileError(error, path);
  }
  throw new CodedError('ERR_EXPORT_KEY_INVALID', `${path}: larger than any key`, {
    hint: 'name a cosign.key or cosign.pub',
    details: { path },
  });
}
