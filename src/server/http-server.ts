import { createServer as createHttpServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { CodedError, isSystemError } from '#core';
import { type ConnectionLimits, limitConnections } from './connections.ts';
import type { ServerApp } from './context.ts';
import { RegistryProblem } from './registry/problem.ts';
import type { TlsCertificate } from './tls-certificate.ts';

const LIMITS: ServerOptions = {
  /** Time-out for the headers of a request. */
  headersTimeout: 20_000,
  /** Longer than clients keep idle connections, so that they do not send a request on one that is being closed. */
  keepAliveTimeout: 75_000,
  // A large blob may take hours; the socket's time-out and MinRateGuard disconnect idle and slow clients.
  requestTimeout: 0,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 32 * 1024,
  noDelay: true,
};
const MAX_HANDSHAKE_MS = 20_000;
/** Twice the longest valid path, escaped. The time of routing grows with the square of the path's length. */
const MAX_PATH_BYTES = 1024;

/** Limits of a server's connections. */
export interface ConnectionOptions {
  /** A connection without traffic for this long is closed. */
  readonly idleMs: number;
  readonly limits: ConnectionLimits;
}

/** A server for an app; over TLS if it has a certificate. */
export function serverFor(
  app: ServerApp,
  certificate: TlsCertificate | undefined,
  { idleMs, limits }: ConnectionOptions,
): Server {
  const answer = getRequestListener(
    (request, env) => (isTooLong(env.incoming.url) ? tooLong() : app.fetch(request, env)),
    { overrideGlobalObjects: false },
  );
  const listener: RequestListener = (incoming, outgoing) => void answer(incoming, outgoing);
  const server =
    certificate === undefined
      ? createHttpServer(LIMITS, listener)
      : createHttpsServer(
          { ...LIMITS, ...certificate, handshakeTimeout: Math.min(idleMs, MAX_HANDSHAKE_MS) },
          listener,
        );
  server.timeout = idleMs;
  limitConnections(server, limits);
  return server;
}

function isTooLong(target = ''): boolean {
  const query = target.indexOf('?');
  return (query < 0 ? target.length : query) > MAX_PATH_BYTES;
}

function tooLong(): Response {
  const problem = new RegistryProblem('NAME_INVALID', `path longer than ${MAX_PATH_BYTES} bytes`, { status: 414 });
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

/** Accepts no more connections, waits up to `graceMs` for running requests, then aborts them. */
export async function close(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(cut);
}
