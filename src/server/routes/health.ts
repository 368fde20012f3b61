import type { RegistryApp, RegistryContext } from '../context.ts';

/** `GET /healthz`: whether the process answers and its store can be read. */
export function addHealthRoute(app: RegistryApp, { store, readOnly }: RegistryContext): void {
  app.get('/healthz', async (c) => {
    c.header('Cache-Control', 'no-store');
    const ok = await store.isReadable();
    return c.json({ status: ok ? 'ok' : 'unavailable', readOnly }, ok ? 200 : 503);
  });
}
