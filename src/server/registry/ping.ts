import type { ServerApp } from '../context.ts';

/** `GET /v2/`: whether this is a registry, and whether the client may talk to it (spec.md#determining-support). */
export function addPingRoute(app: ServerApp): void {
  for (const path of ['/v2', '/v2/']) app.get(path, (c) => c.json({}));
}
