import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { CodedError, isSystemError } from '#core';
import { openStore, type Store } from '#oci';
import { createApp } from './app.ts';
import type { RegistryApp } from './context.ts';

/** What is served, where, and to whom. */
export interface ServerOptions {
  /** The folder that holds everything; the registry is in `registry/` below it. */
  readonly dataDir: string;
  readonly tenant?: string;
  /** 127.0.0.1 unless told. */
  readonly host?: string;
  /** 0 lets the system choose a free one. */
  readonly port: number;
  /** Refuses writes; off loopback it always does. */
  readonly readOnly?: boolean;
  /** Allows deletes; true unless told. */
  readonly deletes?: boolean;
  /** No byte in either direction for so long ends a connection; a minute unless told. */
  readonly idleMs?: number;
  /** Told of every fault of this side. */
  readonly report?: (error: unknown) => void;
}

/** A server that listens. */
export interface RunningServer {
  readonly host: string;
  readonly port: number;
  readonly readOnly: boolean;
  /** What is served, for those in this process who write to it without the network. */
  readonly store: Store;
  /** `HOST:PORT` as a client writes it. */
  readonly address: string;
  /** Takes no more connections, lets the requests at work end for up to `graceMs`, then cuts them. */
  close(graceMs?: number): Promise<void>;
}

const IDLE_MS = 60_000;
/** The head of a request must have come by then. */
const HEADERS_MS = 20_000;
/** Longer than clients keep a connection for the next request, so that they do not run into its end. */
const KEEP_ALIVE_MS = 75_000;
const CLOSE_GRACE_MS = 5_000;

/**
 * Starts the registry over `DATADIR/registry/TENANT`.
 *
 * @throws CodedError ERR_EXPORT_LISTEN when the port is taken or not allowed, and the codes of openStore
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { dataDir, tenant = 'default', host = '127.0.0.1', port, deletes = true, report } = options;
  const readOnly = options.readOnly ?? !isLoopback(host);
  const store = await openStore(join(dataDir, 'registry'), { tenant, readOnly });
  const app = createApp({ store, readOnly, deletes, ...(report === undefined ? {} : { report }) });
  const server = createHttpServer(app, options.idleMs ?? IDLE_MS);
  const bound = await listen(server, host, port);
  return {
    host,
    port: bound.port,
    readOnly,
    store,
    address: `${isIP(host) === 6 ? `[${host}]` : host}:${bound.port}`,
    close: async (graceMs = CLOSE_GRACE_MS) => await close(server, graceMs),
  };
}

function createHttpServer(app: RegistryApp, idleMs: number): Server {
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const server = createServer(
    {
      headersTimeout: HEADERS_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // A large blob may take hours; idle and slow clients are cut by the socket's time-out and by their pace.
      requestTimeout: 0,
      connectionsCheckingInterval: 5_000,
      maxHeaderSize: 32 * 1024,
      noDelay: true,
    },
    (incoming, outgoing) => void listener(incoming, outgoing),
  );
  server.timeout = idleMs;
  return server;
}

async function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  const { promise, resolve, reject } = Promise.withResolvers<AddressInfo>();
  server.once('error', reject);
  server.listen({ host, port }, () => resolve(server.address() as AddressInfo));
  try {
    return await promise;
  } catch (error) {
    const what = isSystemError(error, 'EADDRINUSE') ? 'the port is taken' : 'cannot listen';
    throw new CodedError('ERR_EXPORT_LISTEN', `${host}:${port}: ${what}`, {
      hint: 'choose another port, or 0 for a free one',
      details: { host, port },
      cause: error,
    });
  } finally {
    server.off('error', reject);
  }
}

async function close(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(cut);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
