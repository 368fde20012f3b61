import { createServer as createHttpServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { CodedError, isSystemError } from '#core';
import { type ConnectionLimits, limitConnections } from './connections.ts';
import type { ServerApp } from './context.ts';
import type { Identity } from './identity.ts';
import { RegistryProblem } from './registry/problem.ts';

const LIMITS: ServerOptions = {
  /** The head of a request must have come by then. */
  headersTimeout: 20_000,
  /** Longer than clients keep a connection for the next request, so that they do not run into its end. */
  keepAliveTimeout: 75_000,
  // A large blob may take hours; idle and slow clients are cut by the socket's time-out and by their pace.
  requestTimeout: 0,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 32 * 1024,
  noDelay: true,
};
const LONGEST_HANDSHAKE_MS = 20_000;
/** Twice what the longest name and the longest digest need, escaped. Routing takes the square of a path's length. */
const LONGEST_PATH = 1024;

/** How a server treats its connections. */
export interface ConnectionOptions {
  /** No byte in either direction for so long ends a connection. */
  readonly idleMs: number;
  readonly limits: ConnectionLimits;
}

/** A server for an app, over TLS where it has an identity. */
export function serverFor(
  app: ServerApp,
  identity: Identity | undefined,
  { idleMs, limits }: ConnectionOptions,
): Server {
  const answer = getRequestListener(
    (request, env) => (isTooLong(env.incoming.url) ? tooLong() : app.fetch(request, env)),
    { overrideGlobalObjects: false },
  );
  const listener: RequestListener = (incoming, outgoing) => void answer(incoming, outgoing);
  const server =
    identity === undefined
      ? createHttpServer(LIMITS, listener)
      : createHttpsServer(
          { ...LIMITS, ...identity, handshakeTimeout: Math.min(idleMs, LONGEST_HANDSHAKE_MS) },
          listener,
        );
  server.timeout = idleMs;
  limitConnections(server, limits);
  return server;
}

function isTooLong(target = ''): boolean {
  const query = target.indexOf('?');
  return (query < 0 ? target.length : query) > LONGEST_PATH;
}

function tooLong(): Response {
  const problem = new RegistryProblem('NAME_INVALID', `a path of more than ${LONGEST_PATH} bytes`, { status: 414 });
  return problem.toResponse();
}

/** Listens; gives the port. @throws CodedError ERR_EXPORT_LISTEN */
export async function listen(server: Server, host: string, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<AddressInfo>();
  server.once('error', reject);
  server.listen({ host, port }, () => resolve(server.address() as AddressInfo));
  try {
    return (await promise).port;
  } catch (error) {
    const what = isSystemError(error, 'EADDRINUSE') ? 'the port is in use' : 'cannot listen';
    throw new CodedError('ERR_EXPORT_LISTEN', `${host}:${port}: ${what}`, {
      hint: 'choose another port, or 0 for a free one',
      details: { host, port },
      cause: error,
    });
  } finally {
    server.off('error', reject);
  }
}

/** Takes no more connections, lets the requests at work end for up to `graceMs`, then cuts them. */
export async function close(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(cut);
}
