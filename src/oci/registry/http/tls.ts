import { existsSync } from 'node:fs';
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
  /** Whether it is for registries on this machine too, which are then spoken to in https; so unless told. */
  readonly onLoopback?: boolean | undefined;
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
      throw new CodedError('ERR_EXPORT_USAGE', `${join(path, cert)}: ${key} is missing`, {
        hint: 'put the key of the client certificate there, or remove the certificate',
        details: { path: join(path, cert) },
      });
    }
    return { ca, client: { cert: await readPem(join(path, cert)), key: await readPem(join(path, key)) } };
  }
  return { ca: [], client: undefined };
}

/** Whether https is meant for a registry on this machine: somebody has named or laid down certificates for it. */
export function meansTls(host: string, { ca, client, onLoopback, certsFolders: folders }: TlsOptions): boolean {
  if ((ca !== undefined || client !== undefined) && onLoopback !== false) return true;
  return (folders ?? certsFolders()).some((folder) => existsSync(join(folder, host)));
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

/** Longest list of names that is shown of a certificate. */
const MAX_SHOWN = 200;

/** Whether a connection failed for a certificate, so that trying again does not help. */
export function isCertificateFault(system: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY)|ALTNAME/.test(system);
}

/**
 * What is wrong with a certificate, and the next step.
 *
 * @param error as Node gives it, with the certificate where it is for another host
 * @returns undefined where the fault is another one
 */
export function describeTlsFault(error: unknown, system: string, url: URL): readonly [string, string] | undefined {
  const { hostname } = url;
  if (system === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const what = `its certificate is for ${hostsOf(error)}, not for ${hostname}`;
    return [what, `use a host name that the certificate is for, or have one issued for ${hostname}`];
  }
  if (system === 'CERT_HAS_EXPIRED' || system === 'CERT_NOT_YET_VALID') {
    const what = system === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet';
    return [`its certificate ${what}`, 'check the clock of this machine, or ask the registry operator to renew it'];
  }
  // An alert is what the other side says of this one.
  if (/ALERT/.test(system) && /CERT|UNKNOWN_CA|ACCESS_DENIED/.test(system)) {
    const hint = 'specify a client certificate that it trusts with --client-cert and --client-key, or in certs.d/HOST';
    return [`it did not accept the client certificate (${system})`, hint];
  }
  if (isCertificateFault(system)) {
    return [`its certificate is not trusted (${system})`, 'specify its CA with --ca-cert or in certs.d/HOST'];
  }
  if (
    url.protocol === 'https:' &&
    (system === 'EPROTO' || /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG/.test(system))
  ) {
    return ['it does not speak TLS', 'if it speaks plain http, add --plain-http'];
  }
  if (url.protocol === 'http:' && system.startsWith('HPE_')) {
    return ['it does not speak http', 'if it speaks TLS, add --no-plain-http, and --ca-cert for a private CA'];
  }
  return undefined;
}

/** The names of the certificate in an error: `DNS:registry.example.com`. */
function hostsOf(error: unknown): string {
  for (let fault = error; fault instanceof Error; fault = fault.cause) {
    const { cert } = fault as { readonly cert?: { readonly subjectaltname?: unknown; readonly subject?: unknown } };
    if (cert === undefined) continue;
    const { subjectaltname } = cert;
    if (typeof subjectaltname !== 'string' || subjectaltname === '') return 'no host name';
    const shown = subjectaltname.replace(/[\p{Cc}\p{Cf}]/gu, ' ');
    return shown.length > MAX_SHOWN ? `${shown.slice(0, MAX_SHOWN)}…` : shown;
  }
  return 'another host';
}
