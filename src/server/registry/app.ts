import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import { API_VERSION, type AppParts, type RegistryContext, type ServerApp, type ServerEnv } from '../context.ts';
import { HttpProblem } from '../problem.ts';
import { addBlobRoutes } from './blobs.ts';
import { addCatalogRoute } from './catalog.ts';
import { addManifestRoutes } from './manifests.ts';
import { addPingRoute } from './ping.ts';
import { problemOf, RegistryProblem, unsupported } from './problem.ts';
import { addReferrerRoutes } from './referrers.ts';
import { addTagRoutes } from './tags.ts';
import { addUploadRoutes } from './uploads.ts';

/** Outages that were reported already; every request during one would report it again. */
function isKnownOutage({ status, code }: RegistryProblem): boolean {
  return status === 503 && code === 'UNKNOWN';
}

const READS = ['GET', 'HEAD'];

/** The `/v2/` API (distribution-spec v1.1.1) over the store of each request's tenant. */
export function createRegistryApp(context: RegistryContext, { guard, report }: AppParts): ServerApp {
  const app = new Hono<ServerEnv>();

  app.use('/v2/*', async (c, next) => {
    await next();
    if (c.res === RESPONSE_ALREADY_SENT) return;
    for (const [name, value] of Object.entries(API_VERSION)) c.res.headers.set(name, value);
  });
  guard(app);
  app.use('/v2/*', async (c, next) => {
    const isRead = READS.includes(c.req.method);
    if (context.readOnly && !isRead) throw unsupported('this registry is read-only');
    if (!c.get('principal').roles.has(isRead ? 'reader' : 'writer')) {
      throw new HttpProblem('ERR_EXPORT_FORBIDDEN', 'permission denied', { status: 403 });
    }
    await next();
  });
  addPingRoute(app);
  addCatalogRoute(app, context);
  addUploadRoutes(app, context);
  addBlobRoutes(app, context);
  addManifestRoutes(app, context);
  addTagRoutes(app, context);
  addReferrerRoutes(app, context);

  app.notFound((c) => {
    const detail = { method: c.req.method, path: c.req.path.slice(0, 500) };
    return new RegistryProblem('UNSUPPORTED', 'no such path', { status: 404, detail }).toResponse();
  });
  app.onError((error) => {
    const problem = problemOf(error);
    if (problem.status >= 500 && !isKnownOutage(problem)) report?.(error);
    return problem.toResponse();
  });
  return app;
}
