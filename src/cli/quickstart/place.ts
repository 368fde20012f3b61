import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CodedError, fileError, isCoded, isSystemError, writeFileDurable } from '#core';
import { type RunningServer, startServer } from '#server';
import {
  createSigner,
  createVerifier,
  decodePrivateKey,
  emptyTrustedRoot,
  encodePublicKey,
  generateKeyPair,
  keyFilesIn,
  type Signer,
  type Verifier,
  writeKeyPair,
} from '#signing';

/** The sample that is shipped with the program. */
export const sampleFolder: string = fileURLToPath(new URL('../../../examples/evidence', import.meta.url));

/** The application with lock files in which the sample's database finds something. */
export const sampleApp: string = fileURLToPath(new URL('../../../examples/app', import.meta.url));

/** The key of a quickstart, and whether this run made it. */
export interface QuickstartKey {
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly made: boolean;
}

/** The password is empty and never asked for: this key proves nothing beyond the machine it lies on. */
const PASSWORD = '';

/** The key below `data/keys`, made if there is none, and what a consumer needs of it in `data/trust`. */
export async function prepareKey(data: string): Promise<QuickstartKey> {
  const files = keyFilesIn(join(data, 'keys'));
  const found = await readIfThere(files.privateKey);
  if (found === undefined) await writeKeyPair(join(data, 'keys'), generateKeyPair(), PASSWORD);
  const pem = found ?? (await readIfThere(files.privateKey));
  const privateKey = await openKey(pem ?? '', files.privateKey);
  const signer = createSigner(privateKey);
  const trust = keyFilesIn(join(data, 'trust'));
  await writeFileDurable(trust.publicKey, encodePublicKey(signer.publicKey));
  await writeFileDurable(trust.trustedRoot, emptyTrustedRoot);
  return { signer, verifier: createVerifier(signer.publicKey), made: found === undefined };
}

async function openKey(pem: string, path: string) {
  try {
    return await decodePrivateKey(pem, PASSWORD, path);
  } catch (error) {
    if (!isCoded(error, 'ERR_EXPORT_PASSWORD_WRONG')) throw error;
    throw new CodedError(
      'ERR_EXPORT_PASSWORD_WRONG',
      `${path}: the key has a password; quickstart supports only an empty one`,
      {
        hint: 'specify another directory with --data, or use export and verify with this key',
        cause: error,
      },
    );
  }
}

/** A small file as text; undefined if it does not exist. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw fileError(error, path);
  }
}

/** The port that the registry takes if nothing else listens there. */
export const firstPort = 8080;
const PORTS_TRIED = 20;

/** The embedded registry on loopback, at 8080 or the next free port. */
export async function startOnFreePort(dataDir: string): Promise<RunningServer> {
  for (let port = firstPort; port < firstPort + PORTS_TRIED; port++) {
    try {
      return await startServer({ dataDir, port });
    } catch (error) {
      if (!isCoded(error, 'ERR_EXPORT_LISTEN')) throw error;
    }
  }
  return startServer({ dataDir, port: 0 });
}
