import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileError } from '#core';
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

async function readKeyFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw fileError(error, path);
  }
}
