import { Hono } from 'hono';
import { type Access, addGuard, DEFAULT_TENANT } from './access/guard.ts';
import { createApiApp } from './api/app.ts';
import type { AppParts, ServerApp, ServerEnv } from './context.ts';
import { type LimitOptions, Limits } from './limits.ts';
import type { StoreFor } from './principal.ts';
import { createRegistryApp } from './registry/app.ts';

/** What the server serves and allows. */
export interface AppOptions {
  readonly storeFor: StoreFor;
  /** Who may do what; everybody everything in the tenant `default` unless told. */
  readonly access?: Access;
  /** Refuses all writes and deletes; false unless told. */
  readonly readOnly?: boolean;
  /** Allows deletes of manifests, tags and blobs; true unless told. */
  readonly deletes?: boolean;
  /** The largest blob that is taken in, in bytes; 1 TiB unless told. */
  readonly maxBlobBytes?: number;
  /** What clients may take up of this process. */
  readonly limits?: LimitOptions;
  /** Told of every fault of this side, with what the client is not told. */
  readonly report?: (error: unknown) => void;
}

const LARGEST_BLOB_BYTES = 2 ** 40;
/** What the API answers; the registry answers everything else. */
const API_PATHS = /^\/(?:healthz|readyz|v1(?:\/.*)?)$/s;

/**
 * The registry and the API side by side. Each has routes, checks and a form of errors of its own: the codes of the
 * distribution-spec here, problem documents (RFC 9457) there.
 */
export function createApp(options: AppOptions): ServerApp {
  const {
    storeFor,
    access = {},
    readOnly = false,
    deletes = true,
    maxBlobBytes = LARGEST_BLOB_BYTES,
    report,
  } = options;
  const limits = new Limits(options.limits ?? {}, access.behindProxy ?? false);
  const parts: AppParts = { guard: (to) => addGuard(to, access), report };
  const registry = createRegistryApp({ storeFor, readOnly, deletes, maxBlobBytes, limits }, parts);
  const api = createApiApp({ store: storeFor(access.tenant ?? DEFAULT_TENANT), readOnly }, parts);
  const app = new Hono<ServerEnv>();
  app.all('*', (c) => (API_PATHS.test(c.req.path) ? api : registry).fetch(c.req.raw, c.env));
  return app;
}
