import { isLoopbackHost } from '#oci/image';
import { type ServerApp, type ServerRequest, socketsOf } from '../context.ts';
import { ALL_ROLES, type GrantsOf, type Role } from '../principal.ts';
import { HttpProblem } from '../problem.ts';
import { clientOf } from './client-address.ts';
import { parseCredentials } from './credentials.ts';
import type { Logins } from './logins.ts';

/** Who may talk to the server. */
export interface Access {
  /** The tenant of all requests, `default` unless told. */
  readonly tenant?: string;
  /** Which tenant and roles somebody has, where that is not everything in the one tenant. */
  readonly grantsOf?: GrantsOf;
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
/** Of those who have no credentials where others have. */
const READER: ReadonlySet<Role> = new Set<Role>(['reader']);
/** A client asks here whether it has to log in, so the answer goes by what it may do after that. */
const PING = /^\/v2\/?$/;
const HOST = /^(\[[0-9a-f:.]+\]|[^:[\]]+?)\.?(?::\d+)?$/i;

/** The tenant that is served unless told. */
export const DEFAULT_TENANT = 'default';

/** Finds out who each request is from, before all routes that are added after it, and refuses what nobody may do. */
export function addGuard(app: ServerApp, access: Access): void {
  app.use('*', async (c, next) => {
    refuseOtherHosts(c, access);
    refuseOtherSites(c, access);
    const user = access.logins === undefined ? undefined : await authenticate(c, access.logins, access);
    c.set('principal', { user, ...grantsOf(user, access) });
    await next();
  });
}

function grantsOf(user: string | undefined, { tenant = DEFAULT_TENANT, logins, grantsOf: granted }: Access) {
  if (granted !== undefined) return granted(user);
  return { tenant, roles: user === undefined && logins !== undefined ? READER : ALL_ROLES };
}

/** The user that a request logs in as; undefined where it may do without. */
async function authenticate(c: ServerRequest, logins: Logins, access: Access): Promise<string | undefined> {
  const { anonymousRead = false, behindProxy = false } = access;
  const credentials = parseCredentials(c.req.header('authorization'));
  if (credentials === undefined) {
    if (anonymousRead && READS.includes(c.req.method) && !PING.test(c.req.path)) return undefined;
    throw unauthorized('log in first');
  }
  const client = clientOf(c, behindProxy);
  const signal = goneSignal(c);
  if (credentials === 'unusable') {
    await logins.refuseUnusable(client, signal);
    throw unauthorized('expected a user and a password by the Basic scheme');
  }
  if (!(await logins.verify(client, credentials, signal))) throw unauthorized('wrong user or password');
  return credentials.user;
}

/** Aborted when the client closes the connection before it has its answer. */
function goneSignal(c: ServerRequest): AbortSignal | undefined {
  const { outgoing } = socketsOf(c);
  if (outgoing === undefined) return undefined;
  const controller = new AbortController();
  const abort = (): void => controller.abort(clientGone());
  if (outgoing.destroyed) abort();
  else outgoing.once('close', abort);
  return controller.signal;
}

/** Nobody reads it. */
function clientGone(): HttpProblem {
  const message = 'the client closed the connection while its login waited';
  return new HttpProblem('ERR_EXPORT_RATE_LIMITED', message, { status: 429 });
}

function unauthorized(message: string): HttpProblem {
  const headers = { ...CHALLENGE, 'Cache-Control': 'no-store' };
  return new HttpProblem('ERR_EXPORT_UNAUTHORIZED', message, { status: 401, headers });
}

/**
 * A web page cannot lie about the name that it was loaded from: where its owner points that name at loopback, to
 * read what only this machine may, the name gives it away.
 */
function refuseOtherHosts(c: ServerRequest, { onlyHost }: Access): void {
  if (onlyHost === undefined) return;
  const [, host = ''] = HOST.exec(c.req.header('host') ?? '') ?? [];
  if (isLoopbackHost(host) || host.toLowerCase() === onlyHost.toLowerCase()) return;
  throw new HttpProblem('ERR_EXPORT_FORBIDDEN', 'this registry accepts loopback host names only', {
    status: 403,
    detail: {
      host: (c.req.header('host') ?? '').slice(0, 300),
      hint: 'use 127.0.0.1 or localhost, or serve with --htpasswd',
    },
  });
}

/** Some writes need no leave of ours to be sent by a page of another site, with the passwords that a browser keeps. */
function refuseOtherSites(c: ServerRequest, { behindProxy = false }: Access): void {
  if (READS.includes(c.req.method)) return;
  const site = c.req.header('sec-fetch-site');
  const origin = c.req.header('origin');
  const isOther =
    site === undefined
      ? origin !== undefined && !behindProxy && authorityOf(origin) !== c.req.header('host')?.toLowerCase()
      : site !== 'same-origin' && site !== 'none';
  if (isOther) {
    throw new HttpProblem('ERR_EXPORT_FORBIDDEN', 'cross-site requests cannot write', { status: 403 });
  }
}

function authorityOf(url: string): string | undefined {
  return URL.parse(url)?.host;
}
