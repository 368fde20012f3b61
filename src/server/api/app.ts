import { randomUUID } from 'node:crypto';
import { type AppParts, type ServerApp, type ServerContext, socketsOf } from '../context.ts';
import { addMirrorRoutes, type MirrorsContext } from '../mirrors.ts';
import { createApi } from '../openapi.ts';
import { HttpProblem } from '../problem.ts';
import { addDocumentRoute } from './document.ts';
import { addHealthRoutes, type HealthContext } from './health.ts';
import { apiProblemOf, encodeApiProblem } from './problem.ts';

/** What the routes of the API need. */
export interface ApiContext extends ServerContext, HealthContext, MirrorsContext {}

/**
 * `/healthz` and `/readyz`, without authentication, and the API below `/v1/`. Each family of routes is a file, or a
 * folder with an entry, and one line here.
 */
export function createApiApp(context: ApiContext, { guard, report }: AppParts): ServerApp {
  const app = createApi();
  // Before the guard: health probes send neither credentials nor the right host name.
  addHealthRoutes(app, context);
  guard(app);
  app.use('/v1/*', async (c, next) => {
    if (!c.get('principal').roles.has('reader')) {
      throw new HttpProblem('ERR_EXPORT_FORBIDDEN', 'permission denied', { status: 403 });
    }
    await next();
  });
  addDocumentRoute(app);
  addMirrorRoutes(app, context);

  app.notFound(() => {
    const detail = { hint: 'see /v1/openapi.json' };
    return encodeApiProblem(new HttpProblem('ERR_EXPORT_NOT_FOUND', 'no such path', { status: 404, detail }));
  });
  app.onError((error, c) => {
    const problem = apiProblemOf(error);
    const requestId = randomUUID();
    // A request that its client has aborted is not an internal error.
    const isGone = error.name === 'AbortError' && socketsOf(c).outgoing?.destroyed === true;
    if (problem.status === 500 && !isGone) report?.(withRequestId(error, requestId));
    return encodeApiProblem(problem, requestId);
  });
  return app;
}

/** The error with the id that the client was told, so that an operator finds it in the log. */
function withRequestId(error: Error, requestId: string): Error {
  return new Error(`request ${requestId}: ${error.message}`, { cause: error });
}
