// Public entry of mirrors/: the routes below /v1/mirrors.

import type { MirrorsContext } from './mirrors/context.ts';
import { addDeltaRoutes } from './mirrors/deltas.ts';
import { addKitRoute } from './mirrors/kit.ts';
import { addSnapshotRoutes } from './mirrors/snapshots.ts';
import { addTufRoutes } from './mirrors/tuf.ts';
import type { ApiApp } from './openapi.ts';

export { type MirrorsContext, type MirrorsFor, singleTenantMirrors } from './mirrors/context.ts';

/** Mirrors: their snapshots, plans and kits of what a zone lacks, and their TUF metadata. */
export function addMirrorRoutes(app: ApiApp, context: MirrorsContext): void {
  addSnapshotRoutes(app, context);
  addDeltaRoutes(app, context);
  addKitRoute(app, context);
  addTufRoutes(app, context);
}
