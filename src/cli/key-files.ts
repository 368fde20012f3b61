import type { KeyObject } from 'node:crypto';
import { open } from 'node:fs/promises';
import { CodedError, fileError, isSystemError } from '#core';
import {
  createSigner,
  createVerifier,
  decodePkcs8Key,
  decodePrivateKey,
  isPlainPkcs8,
  type KeyKind,
  parsePublicKey,
  type Signer,
  tufKeyKinds,
  type Verifier,
} from '#signing';
import type { Io } from './io.ts';
import { asksForPassword, readPassword } from './password.ts';

/** Reads and decrypts a cosign.key; asks for the password where the environment has none. */
export async function loadPrivateKey(io: Io, path: string, kinds?: readonly KeyKind[]): Promise<KeyObject> {
  return openPrivateKey(io, await readKeyFile(path), path, kinds);
}

async function openPrivateKey(io: Io, pem: string, path: string, kinds?: readonly KeyKind[]): Promise<KeyObject> {
  const password = await readPassword(io, `Password for ${path}: `);
  return decodePrivateKey(pem, password, path, kinds);
}

/** A box takes 64 MiB while it is opened, at the highest cost 128. */
const KEYS_AT_A_TIME = 2;

/** loadTufSigner for each file of some lists, once; one after the other where each asks for its password. */
export async function loadTufSigners(
  io: Io,
  ...lists: readonly (readonly string[] | undefined)[]
): Promise<Map<string, Signer>> {
  const paths = [...new Set(lists.flatMap((list) => list ?? []))];
  const atATime = asksForPassword(io) ? 1 : KEYS_AT_A_TIME;
  const signers: (readonly [string, Signer])[] = [];
  for (let next = 0; next < paths.length; next += atATime) {
    const some = paths.slice(next, next + atATime).map(async (path) => [path, await loadTufSigner(io, path)] as const);
    signers.push(...(await Promise.all(some)));
  }
  return new Map(signers);
}

/** The signer behind a key of a TUF role: a cosign.key, or PKCS#8 PEM without a password; Ed25519 or P-256. */
async function loadTufSigner(io: Io, path: string): Promise<Signer> {
  const pem = await readKeyFile(path);
  return createSigner(
    isPlainPkcs8(pem) ? decodePkcs8Key(pem, path, tufKeyKinds) : await openPrivateKey(io, pem, path, tufKeyKinds),
  );
}

/** The signer behind a key that signs kits and receipts: as that of a TUF role, Ed25519 alone. */
export async function loadEd25519Signer(io: Io, path: string): Promise<Signer> {
  const pem = await readKeyFile(path);
  return createSigner(
    isPlainPkcs8(pem) ? decodePkcs8Key(pem, path, ed25519) : await openPrivateKey(io, pem, path, ed25519),
  );
}

/** The public key that must have signed a kit: SubjectPublicKeyInfo PEM, Ed25519. */
export async function loadEd25519PublicKey(path: string): Promise<KeyObject> {
  return parsePublicKey(await readKeyFile(path), path, ed25519);
}

const ed25519: readonly KeyKind[] = ['ed25519'];

/** The public key of a TUF role: SubjectPublicKeyInfo PEM, Ed25519 or P-256. */
export async function loadTufPublicKey(path: string): Promise<KeyObject> {
  return parsePublicKey(await readKeyFile(path), path, tufKeyKinds);
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
  const bytes = Buffer.alloc(MAX_KEY_BYTES + 1);
  let size = 0;
  try {
    await using file = await open(path, 'r');
    // A pipe gives what has come so far.
    for (let count = -1; count !== 0 && size < bytes.length; size += count) {
      count = (await file.read(bytes, size, bytes.length - size, null)).bytesRead;
    }
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) throw noKey(path, 'no such file', error);
    if (isSystemError(error, 'EISDIR')) throw noKey(path, 'is a directory', error);
    throw fileError(error, path);
  }
  if (size > MAX_KEY_BYTES) throw noKey(path, 'too large for a key');
  return bytes.toString('utf8', 0, size);
}

function noKey(path: string, what: string, cause?: unknown): CodedError {
  return new CodedError('ERR_EXPORT_KEY_INVALID', `${path}: ${what}`, {
    hint: 'specify a cosign.key to sign, a cosign.pub to verify; create both with: export-center keys generate --out DIR',
    details: { path },
    cause,
  });
}
