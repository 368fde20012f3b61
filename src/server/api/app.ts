import { Hono } from 'hono';
import type { AppParts, ServerApp, ServerEnv } from '../context.ts';
import { HttpProblem } from '../problem.ts';
import { addHealthRoutes, type HealthContext } from './health.ts';
import { apiProblemOf, encodeApiProblem } from './problem.ts';

/** `/healthz` and `/readyz`, without authentication, and the API below `/v1/`, which has no routes yet. */
export function createApiApp(context: HealthContext, { guard, report }: AppParts): ServerApp {
  const app = new Hono<ServerEnv>();
  // Before the guard: health probes send neither credentials nor the right host name.
  addHealthRoutes(app, context);
  guard(app);
  app.notFound(() => {
    return encodeApiProblem(new HttpProblem('ERR_EXPORT_NOT_FOUND', 'no such path', { status: 404 }));
  });
  app.onError((error) => {
    const problem = apiProblemOf(error);
    if (problem.status >= 500) report?.(error);
    return encodeApiProblem(problem);
  });
  return app;
}
