import { Hono } from 'hono';
import { type Access, addGuard, DEFAULT_TENANT } from './access/guard.ts';
import { createApiApp } from './api/app.ts';
import type { AppParts, ServerApp, ServerEnv } from './context.ts';
import { type LimitOptions, Limits } from './limits.ts';
import type { MirrorsFor } from './mirrors.ts';
import type { StoreFor } from './principal.ts';
import { createRegistryApp } from './registry/app.ts';

/** What the server serves and allows. */
export interface AppOptions {
  readonly storeFor: StoreFor;
  /** The mirrors of each tenant; none unless given. */
  readonly mirrorsFor?: MirrorsFor;
  /** Authentication and authorization; by default everyone may do everything in the tenant `default`. */
  readonly access?: Access;
  /** Refuses all writes and deletes; default: false. */
  readonly readOnly?: boolean;
  /** Allows deletes of manifests, tags and blobs; default: true. */
  readonly deletes?: boolean;
  /** The largest blob that is accepted, in bytes; default: 1 TiB. */
  readonly maxBlobBytes?: number;
  /** How much memory clients may use. */
  readonly limits?: LimitOptions;
  /** Called with every internal error, with details that the client does not get. */
  readonly report?: (error: unknown) => void;
}

const MAX_BLOB_BYTES = 2 ** 40;
/** The paths of the API; the registry has all others. */
const API_PATHS = /^\/(?:healthz|readyz|v1(?:\/.*)?)$/s;

/**
 * The registry and the API side by side. Each has its own routes, checks and error format: the codes of the
 * distribution-spec in the registry, problem documents (RFC 9457) in the API.
 */
export function createApp(options: AppOptions): ServerApp {
  const { storeFor, access = {}, readOnly = false, deletes = true, maxBlobBytes = MAX_BLOB_BYTES, report } = options;
  const { mirrorsFor = () => new Map() } = options;
  const limits = new Limits(options.limits ?? {}, access.behindProxy ?? false);
  const parts: AppParts = { guard: (to) => addGuard(to, access), report };
  const registry = createRegistryApp({ storeFor, readOnly, deletes, maxBlobBytes, limits }, parts);
  const api = createApiApp(
    { store: storeFor(access.tenant ?? DEFAULT_TENANT), readOnly, mirrorsFor, limits, report },
    parts,
  );
  const app = new Hono<ServerEnv>();
  app.all('*', (c) => (API_PATHS.test(c.req.path) ? api : registry).fetch(c.req.raw, c.env));
  return app;
}
