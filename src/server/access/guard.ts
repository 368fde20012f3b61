import { isLoopbackHost } from '#oci/image';
import { type ServerApp, type ServerRequest, socketsOf } from '../context.ts';
import { ALL_ROLES, type GrantsOf, type Role } from '../principal.ts';
import { HttpProblem } from '../problem.ts';
import { clientOf } from './client-address.ts';
import { parseCredentials } from './credentials.ts';
import type { Logins } from './logins.ts';

/** Authentication and authorization of requests. */
export interface Access {
  /** The tenant of all requests; default: `default`. */
  readonly tenant?: string;
  /** The tenant and roles of each user; by default all roles in the one tenant. */
  readonly grantsOf?: GrantsOf;
  /** Users and their passwords; without them, everyone may do everything. */
  readonly logins?: Logins | undefined;
  /** Lets clients without credentials read. */
  readonly anonymousRead?: boolean;
  /** The reverse proxy sets X-Forwarded-For, and may set Host. */
  readonly behindProxy?: boolean;
  /** The Host header must be a loopback name or this one (IPv6 in brackets); undefined to accept any. */
  readonly onlyHost?: string | undefined;
}

const CHALLENGE = { 'WWW-Authenticate': 'Basic realm="export-center", charset="UTF-8"' };
const READS = ['GET', 'HEAD'];
/** The roles of anonymous clients if there are users. */
const READER: ReadonlySet<Role> = new Set<Role>(['reader']);
/** Clients request this path to learn whether they must authenticate, so it always requires authentication. */
const PING = /^\/v2\/?$/;
/** A plan of a kit changes nothing, so that whoever may read may ask for one. */
const PLAN = /^\/v1\/mirrors\/[^/]{1,64}\/deltas$/;
const HOST = /^(\[[0-9a-f:.]+\]|[^:[\]]+?)\.?(?::\d+)?$/i;

/** The default tenant. */
export const DEFAULT_TENANT = 'default';

/** Authenticates each request to the routes that are added after it, and refuses forbidden hosts and cross-site writes. */
export function addGuard(app: ServerApp, access: Access): void {
  app.use('*', async (c, next) => {
    refuseOtherHosts(c, access);
    refuseCrossSite(c, access);
    const user = access.logins === undefined ? undefined : await authenticate(c, access.logins, access);
    c.set('principal', { user, ...grantsOf(user, access) });
    await next();
  });
}

function grantsOf(user: string | undefined, { tenant = DEFAULT_TENANT, logins, grantsOf: granted }: Access) {
  if (granted !== undefined) return granted(user);
  return { tenant, roles: user === undefined && logins !== undefined ? READER : ALL_ROLES };
}

/** The authenticated user; undefined for an anonymous request that is allowed. */
async function authenticate(c: ServerRequest, logins: Logins, access: Access): Promise<string | undefined> {
  const { anonymousRead = false, behindProxy = false } = access;
  const credentials = parseCredentials(c.req.header('authorization'));
  if (credentials === undefined) {
    if (anonymousRead && isRead(c) && !PING.test(c.req.path)) return undefined;
    throw unauthorized('authentication required');
  }
  const client = clientOf(c, behindProxy);
  const signal = disconnectSignal(c);
  if (credentials === 'malformed') {
    await logins.refuseMalformed(client, signal);
    throw unauthorized('expected Basic credentials with a user name and a password');
  }
  if (!(await logins.verify(client, credentials, signal))) throw unauthorized('wrong user name or password');
  return credentials.user;
}

/** Aborted when the client closes the connection before the response. */
function disconnectSignal(c: ServerRequest): AbortSignal | undefined {
  const { outgoing } = socketsOf(c);
  if (outgoing === undefined) return undefined;
  const controller = new AbortController();
  const abort = (): void => controller.abort(clientDisconnected());
  if (outgoing.destroyed) abort();
  else outgoing.once('close', abort);
  return controller.signal;
}

/** The reason of the signal; no client receives it. */
function clientDisconnected(): HttpProblem {
  const message = 'the client closed the connection while its login waited';
  return new HttpProblem('ERR_EXPORT_RATE_LIMITED', message, { status: 429 });
}

function isRead(c: ServerRequest): boolean {
  return READS.includes(c.req.method) || (c.req.method === 'POST' && PLAN.test(c.req.path));
}

function unauthorized(message: string): HttpProblem {
  const headers = { ...CHALLENGE, 'Cache-Control': 'no-store' };
  return new HttpProblem('ERR_EXPORT_UNAUTHORIZED', message, { status: 401, headers });
}

/**
 * Prevents DNS rebinding: a web page whose host name resolves to loopback could read the registry through a browser on
 * this machine, but the browser sends that name in the Host header.
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

/** Prevents CSRF: a browser sends some writes of other sites without a preflight, and with saved passwords. */
function refuseCrossSite(c: ServerRequest, { behindProxy = false }: Access): void {
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
