import { readFile } from 'node:fs/promises';
import { CodedError, fileError } from '#core';
import type { OpenOptions } from '#oci/transfer';

/** Files of PEM that the user names for the connections to a registry. */
export interface TlsFiles {
  readonly caCert?: string;
  readonly clientCert?: string;
  readonly clientKey?: string;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----/;
const PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/;

/**
 * What the files hold; undefined where none is named.
 *
 * @throws CodedError ERR_EXPORT_USAGE for files that hold something else or do not belong together, ERR_EXPORT_IO
 */
export async function readTlsFiles({ caCert, clientCert, clientKey }: TlsFiles): Promise<OpenOptions['tls']> {
  if ((clientCert === undefined) !== (clientKey === undefined)) {
    throw new CodedError('ERR_EXPORT_USAGE', '--client-cert and --client-key require each other', { hint: 'use both' });
  }
  if (caCert === undefined && clientCert === undefined) return undefined;
  const ca = caCert === undefined ? undefined : await readPem(caCert, '--ca-cert', CERTIFICATE);
  if (clientCert === undefined || clientKey === undefined) return { ca };
  const cert = await readPem(clientCert, '--client-cert', CERTIFICATE);
  const key = await readPem(clientKey, '--client-key', PRIVATE_KEY);
  await checkPair(cert, key, clientCert, clientKey);
  return { ca, client: { cert, key } };
}

async function readPem(path: string, option: string, begin: RegExp): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw fileError(error, path);
  });
  if (begin.test(text)) return text;
  const what = begin === CERTIFICATE ? 'certificate' : 'private key';
  throw new CodedError('ERR_EXPORT_USAGE', `${option} ${path}: no PEM ${what} found`, {
    hint: `specify a file with -----BEGIN ${what.toUpperCase()}-----`,
    details: { path },
  });
}

async function checkPair(cert: string, key: string, certPath: string, keyPath: string): Promise<void> {
  // Most runs need no TLS of their own.
  const { createSecureContext } = await import('node:tls');
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    const encrypted = /ENCRYPTED/.test(key);
    const what = encrypted ? 'its key is encrypted' : 'not a valid certificate with its key';
    throw new CodedError('ERR_EXPORT_USAGE', `--client-cert ${certPath}, --client-key ${keyPath}: ${what}`, {
      hint: encrypted
        ? 'specify a key without a password, in a file that only you can read; openssl pkey removes the password'
        : 'specify the certificate with its intermediates, and the key that belongs to it',
      details: { cert: certPath, key: keyPath },
      cause,
    });
  }
}
