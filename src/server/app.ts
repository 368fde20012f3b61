import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import type { RegistryStore } from '#oci/store';
import { type Access, addGuard } from './access/guard.ts';
import { API_VERSION, type RegistryApp, type RegistryContext, type RegistryEnv } from './context.ts';
import { type LimitOptions, Limits } from './limits.ts';
import { problemOf, RegistryProblem, refusal } from './problem.ts';
import { addBlobRoutes } from './routes/blobs.ts';
import { addCatalogRoute } from './routes/catalog.ts';
import { addHealthRoutes } from './routes/health.ts';
import { addManifestRoutes } from './routes/manifests.ts';
import { addPingRoute } from './routes/ping.ts';
import { addReferrerRoutes } from './routes/referrers.ts';
import { addTagRoutes } from './routes/tags.ts';
import { addUploadRoutes } from './routes/uploads.ts';

/** What the app serves and allows. */
export interface AppOptions {
  readonly store: RegistryStore;
  /** Who may do what of it; everybody everything unless told. */
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

/** Of those somebody has been told already, and every request until they are over would say it again. */
function isKnownOutage({ status, code }: RegistryProblem): boolean {
  return status === 503 && code === 'UNKNOWN';
}

const READS = ['GET', 'HEAD'];
const LARGEST_BLOB_BYTES = 2 ** 40;

/** The `/v2/` API (distribution-spec v1.1.1) over a store, `/healthz` and `/readyz`. */
export function createApp(options: AppOptions): RegistryApp {
  const { store, access = {}, readOnly = false, deletes = true, maxBlobBytes = LARGEST_BLOB_BYTES, report } = options;
  const limits = new Limits(options.limits ?? {}, access.behindProxy ?? false);
  const context: RegistryContext = { store, readOnly, deletes, maxBlobBytes, limits };
  const app = new Hono<RegistryEnv>();

  app.use('/v2/*', async (c, next) => {
    await next();
    if (c.res === RESPONSE_ALREADY_SENT) return;
    for (const [name, value] of Object.entries(API_VERSION)) c.res.headers.set(name, value);
  });
  addGuard(app, access);
  app.use('/v2/*', async (c, next) => {
    if (readOnly && !READS.includes(c.req.method)) throw refusal('this registry is read-only');
    await next();
  });
  addPingRoute(app);
  addHealthRoutes(app, context);
  addCatalogRoute(app, context);
  addUploadRoutes(app, context);
  addBlobRoutes(app, context);
  addManifestRoutes(app, context);
  addTagRoutes(app, context);
  addReferrerRoutes(app, context);

  app.notFound((c) => {
    const detail = { method: c.req.method, path: c.req.path.slice(0, 500) };
    return new RegistryProblem('UNSUPPORTED', 'nothing is served here', { status: 404, detail }).toResponse();
  });
  app.onError((error) => {
    const problem = problemOf(error);
    if (problem.status >= 500 && !isKnownOutage(problem)) report?.(error);
    return problem.toResponse();
  });
  return app;
}
