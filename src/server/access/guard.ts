import { isLoopbackHost } from '#oci/image';
import { type RegistryApp, type RegistryRequest, socketsOf } from '../context.ts';
import { RegistryProblem } from '../problem.ts';
import { clientOf } from './client-address.ts';
import { parseCredentials } from './credentials.ts';
import type { Logins } from './logins.ts';

/** Who may talk to the registry. */
export interface Access {
  /** Users and their passwords; everybody may do everything where there are none. */
  readonly logins?: Logins | undefined;
  /** Lets those without credentials read. */
  readonly anonymousRead?: boolean;
  /** X-Forwarded-For is the proxy's word, and Host may be. */
  readonly behindProxy?: boolean;
  /** Requests must be for a name of loopback, or for this one (IPv6 in brackets); undefined to take any. */
  readonly onlyHost?: string | undefined;
}

const CHALLENGE = { 'WWW-Authenticate': 'Basic realm="export-center", charset="UTF-8"' };
const READS = ['GET', 'HEAD'];
/** Answer to anybody, under any name: those who watch over a process know neither. */
const OPEN = ['/healthz', '/readyz'];
/** A client asks here whether it has to log in, so the answer goes by what it may do after that. */
const PING = /^\/v2\/?$/;
const HOST = /^(\[[0-9a-f:.]+\]|[^:[\]]+?)\.?(?::\d+)?$/i;

/** Puts the checks of who may do what before all routes that are added after it. */
export function addGuard(app: RegistryApp, access: Access): void {
  app.use('*', async (c, next) => {
    if (!OPEN.includes(c.req.path)) {
      refuseOtherHosts(c, access);
      refuseOtherSites(c, access);
      if (access.logins !== undefined) await authenticate(c, access.logins, access);
    }
    await next();
  });
}

async function authenticate(c: RegistryRequest, logins: Logins, access: Access): Promise<void> {
  const { anonymousRead = false, behindProxy = false } = access;
  const credentials = parseCredentials(c.req.header('authorization'));
  if (credentials === undefined) {
    if (anonymousRead && READS.includes(c.req.method) && !PING.test(c.req.path)) return;
    throw unauthorized('log in first');
  }
  const client = clientOf(c, behindProxy);
  const signal = goneSignal(c);
  if (credentials === 'unusable') {
    await logins.refuseUnusable(client, signal);
    throw unauthorized('expected a user and a password by the Basic scheme');
  }
  if (!(await logins.verify(client, credentials, signal))) throw unauthorized('wrong user or password');
}

/** Aborted when the client closes the connection before it has its answer. */
function goneSignal(c: RegistryRequest): AbortSignal | undefined {
  const { outgoing } = socketsOf(c);
  if (outgoing === undefined) return undefined;
  const controller = new AbortController();
  const abort = (): void => controller.abort(clientGone());
  if (outgoing.destroyed) abort();
  else outgoing.once('close', abort);
  return controller.signal;
}

/** Nobody reads it. */
function clientGone(): RegistryProblem {
  return new RegistryProblem('TOOMANYREQUESTS', 'the client closed the connection while its login waited');
}

function unauthorized(message: string): RegistryProblem {
  return new RegistryProblem('UNAUTHORIZED', message, { headers: { ...CHALLENGE, 'Cache-Control': 'no-store' } });
}

/**
 * A web page cannot lie about the name that it was loaded from: where its owner points that name at loopback, to
 * read what only this machine may, the name gives it away.
 */
function refuseOtherHosts(c: RegistryRequest, { onlyHost }: Access): void {
  if (onlyHost === undefined) return;
  const [, host = ''] = HOST.exec(c.req.header('host') ?? '') ?? [];
  if (isLoopbackHost(host) || host.toLowerCase() === onlyHost.toLowerCase()) return;
  throw new RegistryProblem('DENIED', 'this registry answers to the names of loopback only', {
    detail: {
      host: (c.req.header('host') ?? '').slice(0, 300),
      hint: 'use 127.0.0.1 or localhost, or serve with --htpasswd',
    },
  });
}

/** Some writes need no leave of ours to be sent by a page of another site, with the passwords that a browser keeps. */
function refuseOtherSites(c: RegistryRequest, { behindProxy = false }: Access): void {
  if (READS.includes(c.req.method)) return;
  const site = c.req.header('sec-fetch-site');
  const origin = c.req.header('origin');
  const isOther =
    site === undefined
      ? origin !== undefined && !behindProxy && authorityOf(origin) !== c.req.header('host')?.toLowerCase()
      : site !== 'same-origin' && site !== 'none';
  if (isOther) throw new RegistryProblem('DENIED', 'pages of other sites may not write');
}

function authorityOf(url: string): string | undefined {
  return URL.parse(url)?.host;
}
