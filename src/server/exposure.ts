import { CodedError } from '#core';
import { isLoopbackHost } from '#oci/image';

/** Who can reach a server, and how it authenticates them. */
export interface Exposure {
  readonly host: string;
  readonly htpasswdFile?: string | undefined;
  readonly anonymousRead?: boolean | undefined;
  readonly readOnly?: boolean | undefined;
  readonly behindProxy?: boolean | undefined;
  readonly tls?: object | undefined;
}

/** Whether a host to listen on can be reached from this machine only. */
export function isOnlyLocal(host: string): boolean {
  return isLoopbackHost(bracketed(host));
}

/** A host as it stands in a URL. */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/**
 * Refuses to start a server on which anyone on the network could write without authentication.
 *
 * @returns warnings for the operator
 * @throws CodedError ERR_EXPORT_USAGE
 */
export function checkExposure(exposure: Exposure): string[] {
  const { host, htpasswdFile, anonymousRead = false, readOnly = false, behindProxy = false, tls } = exposure;
  if (anonymousRead && htpasswdFile === undefined) {
    throw new CodedError('ERR_EXPORT_USAGE', '--anonymous-read requires --htpasswd', {
      hint: 'add --htpasswd FILE, or omit --anonymous-read',
    });
  }
  const isLocal = isOnlyLocal(host) && !behindProxy;
  if (!isLocal && htpasswdFile === undefined && !readOnly) {
    const where = behindProxy ? 'behind a reverse proxy' : `on ${host}`;
    throw new CodedError('ERR_EXPORT_USAGE', `refusing to listen ${where} without authentication`, {
      hint: 'add --htpasswd FILE for users with passwords, or --read-only',
      details: { host },
    });
  }
  if (isLocal || behindProxy || tls !== undefined || htpasswdFile === undefined) return [];
  return [
    `passwords cross the network unencrypted at ${host}: anyone on the network path can read them. ` +
      'Add --tls-cert and --tls-key, or put a reverse proxy with TLS in front of it and use --behind-proxy',
  ];
}
