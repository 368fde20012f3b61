import type { RegistryStore } from '#oci/store';
import type { ServerApp } from '../context.ts';

/** What readiness is judged by. */
export interface HealthContext {
  /** The store of the tenant that is served unless told. */
  readonly store: RegistryStore | undefined;
  /** Nothing may be written, so that a store that cannot be is ready all the same. */
  readonly readOnly: boolean;
}

/** So often at most the store is asked: anybody may ask us. */
const ASKED_EVERY_MS = 1000;

/**
 * `GET /healthz`: the process answers. `GET /readyz`: its store can be read and, unless the registry is read-only, be
 * written; 503 while it cannot.
 */
export function addHealthRoutes(app: ServerApp, { store, readOnly }: HealthContext): void {
  const isReady = remembered(async () => {
    return store !== undefined && (await store.isReadable()) && (readOnly || (await isWritable(store)));
  });
  app.get('/healthz', (c) => {
    c.header('Cache-Control', 'no-store');
    return c.json({ status: 'ok', readOnly });
  });
  app.get('/readyz', async (c) => {
    c.header('Cache-Control', 'no-store');
    const ok = await isReady();
    return c.json({ status: ok ? 'ok' : 'unavailable', readOnly }, ok ? 200 : 503);
  });
}

async function isWritable(store: RegistryStore): Promise<boolean> {
  return await store.checkWritable().then(
    () => true,
    () => false,
  );
}

/** Gives the same answer for a while. */
function remembered(ask: () => Promise<boolean>): () => Promise<boolean> {
  let answer: Promise<boolean> | undefined;
  let askedAt = 0;
  return () => {
    const now = performance.now();
    if (answer === undefined || now - askedAt >= ASKED_EVERY_MS) {
      askedAt = now;
      answer = ask();
    }
    return answer;
  };
}
