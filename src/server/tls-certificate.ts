import { readFile, stat } from 'node:fs/promises';
import { createSecureContext, type Server } from 'node:tls';
import { CodedError, fileError } from '#core';

/** The files of a server's TLS certificate. */
export interface TlsFiles {
  /** PEM: the certificate, then its intermediate certificates. */
  readonly certFile: string;
  /** PEM, without a password. */
  readonly keyFile: string;
  /** How often to check whether the files have changed; default: ten seconds. */
  readonly pollEveryMs?: number;
}

/** Certificate and key as Node takes them. */
export interface TlsCertificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

const POLL_EVERY_MS = 10_000;

/**
 * Reads a certificate and its key, and checks that they belong together.
 *
 * @throws CodedError ERR_EXPORT_KEY_INVALID, and the codes of fileError
 */
export async function readTlsCertificate({ certFile, keyFile }: TlsFiles): Promise<TlsCertificate> {
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

/** Reloads the certificate whenever its files change and are valid. Returns a function that stops this. */
export async function watchTlsCertificate(
  server: Server,
  files: TlsFiles,
  notice: (text: string) => void,
): Promise<() => void> {
  let seen = await stampOf(files);
  let busy = false;
  const look = async (): Promise<void> => {
    const stamp = await stampOf(files);
    if (stamp === seen) return;
    seen = stamp;
    server.setSecureContext(await readTlsCertificate(files));
    notice(`${files.certFile}: reloaded`);
  };
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    look()
      .catch((error: Error) => notice(`${error.message}; the previous certificate stays in use`))
      .finally(() => {
        busy = false;
      });
  }, files.pollEveryMs ?? POLL_EVERY_MS);
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

/** A text that changes when the files change; constant while they are missing. */
async function stampOf({ certFile, keyFile }: TlsFiles): Promise<string> {
  const stamps = [certFile, keyFile].map(async (path) => {
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    return found === undefined ? 'missing' : `${found.ino} ${found.size} ${found.mtimeNs}`;
  });
  return (await Promise.all(stamps)).join(' ');
}
