import { readFile, stat } from 'node:fs/promises';
import { createSecureContext, type Server } from 'node:tls';
import { CodedError, fileError } from '#core';

/** The files that a server proves its name with. */
export interface IdentityFiles {
  /** PEM: the certificate, then those that lead to one that clients know. */
  readonly certFile: string;
  /** PEM, without a password. */
  readonly keyFile: string;
  /** How often to look whether they have changed; ten seconds unless told. */
  readonly lookEveryMs?: number;
}

/** Certificate and key as Node takes them. */
export interface Identity {
  readonly cert: Buffer;
  readonly key: Buffer;
}

const LOOK_EVERY_MS = 10_000;

/**
 * Reads a certificate and its key, and checks that they belong together.
 *
 * @throws CodedError ERR_EXPORT_KEY_INVALID, and the codes of fileError
 */
export async function readIdentity({ certFile, keyFile }: IdentityFiles): Promise<Identity> {
  const [cert, key] = await Promise.all([certFile, keyFile].map(readPem));
  if (cert === undefined || key === undefined) throw new TypeError('two files');
  try {
    createSecureContext({ cert, key });
    return { cert, key };
  } catch (cause) {
    throw new CodedError('ERR_EXPORT_KEY_INVALID', `${certFile}, ${keyFile}: not a valid certificate with its key`, {
      hint: 'specify both in PEM, the key without a password',
      details: { certFile, keyFile },
      cause,
    });
  }
}

/** Serves with the certificate as it is on disk, whenever that changes and is sound. Gives what ends it. */
export async function followIdentity(
  server: Server,
  files: IdentityFiles,
  notice: (text: string) => void,
): Promise<() => void> {
  let seen = await stampOf(files);
  let busy = false;
  const look = async (): Promise<void> => {
    const stamp = await stampOf(files);
    if (stamp === seen) return;
    seen = stamp;
    server.setSecureContext(await readIdentity(files));
    notice(`${files.certFile}: read again`);
  };
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    look()
      .catch((error: Error) => notice(`${error.message}; the previous certificate stays in use`))
      .finally(() => {
        busy = false;
      });
  }, files.lookEveryMs ?? LOOK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

async function readPem(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw fileError(error, path);
  }
}

/** What changes with the files; the same text for as long as they are missing. */
async function stampOf({ certFile, keyFile }: IdentityFiles): Promise<string> {
  const stamps = [certFile, keyFile].map(async (path) => {
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    return found === undefined ? 'missing' : `${found.ino} ${found.size} ${found.mtimeNs}`;
  });
  return (await Promise.all(stamps)).join(' ');
}
