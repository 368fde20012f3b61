import { createRoute } from '@hono/zod-openapi';
import type { RegistryStore } from '#oci/store';
import { type ApiApp, jsonResponse } from '../openapi.ts';
import type { HealthStatus } from './health-status.generated.ts';

/** The dependencies of the health routes. */
export interface HealthContext {
  /** The store of the default tenant. */
  readonly store: RegistryStore | undefined;
  /** A read-only registry is ready even if its store is not writable. */
  readonly readOnly: boolean;
}

/** The result is cached for this long, since these routes need no authentication. */
const CACHED_MS = 1000;

const health = createRoute({
  method: 'get',
  path: '/healthz',
  summary: 'Whether the process answers',
  security: [],
  responses: { 200: jsonResponse('HealthStatus', 'It does.') },
});

const readiness = createRoute({
  method: 'get',
  path: '/readyz',
  summary: 'Whether the store can be read and, unless the registry is read-only, be written',
  security: [],
  responses: { 200: jsonResponse('HealthStatus', 'It can.'), 503: jsonResponse('HealthStatus', 'It cannot.') },
});

/**
 * `GET /healthz`: the process answers. `GET /readyz`: its store can be read and, unless the registry is read-only, be
 * written; 503 while it cannot.
 */
export function addHealthRoutes(app: ApiApp, { store, readOnly }: HealthContext): void {
  const isReady = cached(async () => {
    return store !== undefined && (await store.isReadable()) && (readOnly || (await isWritable(store)));
  });
  app.openapi(health, (c) => {
    c.header('Cache-Control', 'no-store');
    return c.json({ status: 'ok', readOnly } satisfies HealthStatus);
  });
  app.openapi(readiness, async (c) => {
    c.header('Cache-Control', 'no-store');
    const ok = await isReady();
    return c.json({ status: ok ? 'ok' : 'unavailable', readOnly } satisfies HealthStatus, ok ? 200 : 503);
  });
}

async function isWritable(store: RegistryStore): Promise<boolean> {
  return await store.checkWritable().then(
    () => true,
    () => false,
  );
}

/** Caches a result for `CACHED_MS`. */
function cached(ask: () => Promise<boolean>): () => Promise<boolean> {
  let answer: Promise<boolean> | undefined;
  let askedAt = 0;
  return () => {
    const now = performance.now();
    if (answer === undefined || now - askedAt >= CACHED_MS) {
      askedAt = now;
      answer = ask();
    }
    return answer;
  };
}
