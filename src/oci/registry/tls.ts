import { readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { CodedError, fileError, isSystemError } from '#core';

/** Certificates for the connections to one host. */
export interface HostCertificates {
  /** PEM; beside the system's own. */
  readonly ca: readonly string[];
  /** PEM of the client's certificate and key. */
  readonly client: { readonly cert: string; readonly key: string } | undefined;
}

/** What the user names beside the folders. */
export interface TlsOptions {
  /** PEM of certificate authorities to trust beside the system's. */
  readonly ca?: string | undefined;
  /** PEM of a client certificate and its key, for the registry of the reference only. */
  readonly client?: { readonly cert: string; readonly key: string } | undefined;
  /** Folders with a folder `HOST[:PORT]` each; those of docker and podman unless told. */
  readonly certsFolders?: readonly string[] | undefined;
}

/**
 * What the folders `certs.d/HOST[:PORT]` hold for a host: `*.crt` are authorities, `X.cert` with `X.key` is a client's
 * certificate (containers-certs.d(5)). The first folder that has anything for the host counts.
 */
export async function readCertificates(
  host: string,
  folders: readonly string[] = certsFolders(),
): Promise<HostCertificates> {
  for (const folder of folders) {
    const path = join(folder, host);
    const names = (await namesIn(path)).sort();
    if (names.length === 0) continue;
    const ca = await Promise.all(
      names.filter((name) => name.endsWith('.crt')).map((name) => readPem(join(path, name))),
    );
    const cert = names.find((name) => name.endsWith('.cert'));
    if (cert === undefined) return { ca, client: undefined };
    const key = `${cert.slice(0, -'.cert'.length)}.key`;
    if (!names.includes(key)) {
      throw new CodedError('ERR_EXPORT_USAGE', `${join(path, cert)}: no ${key} beside it`, {
        hint: 'put the key of the client certificate there, or take the certificate away',
        details: { path: join(path, cert) },
      });
    }
    return { ca, client: { cert: await readPem(join(path, cert)), key: await readPem(join(path, key)) } };
  }
  return { ca: [], client: undefined };
}

function certsFolders(): string[] {
  return [join(homedir(), '.config/containers/certs.d'), '/etc/containers/certs.d', '/etc/docker/certs.d'];
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    // A folder that others may not enter is none for us.
    if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return [];
    throw fileError(error, path);
  }
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw fileError(error, path);
  }
}
