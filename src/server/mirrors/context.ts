import { z } from '@hono/zod-openapi';
import type { ServedMirror } from '#mirror';
import { type ServerContext, type ServerRequest, socketsOf } from '../context.ts';
import { HttpProblem } from '../problem.ts';

/** The mirrors of a tenant, by name. */
export type MirrorsFor = (tenant: string) => ReadonlyMap<string, ServedMirror>;

/** The dependencies of the routes of mirrors. */
export interface MirrorsContext extends ServerContext {
  /** Asked for the tenant of each request's principal, and for no other. */
  readonly mirrorsFor: MirrorsFor;
  /** Called with what failed after a response has begun. */
  readonly report?: ((error: unknown) => void) | undefined;
}

/** The mirrors of a server with one tenant. */
export function singleTenantMirrors(tenant: string, mirrors: readonly ServedMirror[]): MirrorsFor {
  const own = new Map(mirrors.map((mirror) => [mirror.name, mirror]));
  const none = new Map<string, ServedMirror>();
  return (asked) => (asked === tenant ? own : none);
}

/** The parameters in the path of a mirror. */
export const mirrorParams = z.object({
  name: z
    .string()
    .regex(/^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/, 'not the name of a mirror')
    .openapi({ description: 'The name of a mirror: its stream.', example: 'evidence' }),
});

/** The parameters in the path of a plan. */
export const planParams = mirrorParams.extend({
  id: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'not the id of a plan')
    .openapi({ description: 'The id of a plan, from POST /v1/mirrors/{name}/deltas.' }),
});

/** The mirror that a request names. @throws HttpProblem ERR_EXPORT_NOT_FOUND */
export function mirrorOf(c: ServerRequest, { mirrorsFor }: MirrorsContext, name: string): ServedMirror {
  const mirror = mirrorsFor(c.get('principal').tenant).get(name);
  if (mirror !== undefined) return mirror;
  throw new HttpProblem('ERR_EXPORT_NOT_FOUND', `${name}: no such mirror`, {
    status: 404,
    detail: { hint: 'list the mirrors with GET /v1/mirrors' },
  });
}

/** Aborted when the client closes the connection, so that nothing more is read for it. */
export function disconnectSignal(c: ServerRequest): AbortSignal {
  const controller = new AbortController();
  const { outgoing } = socketsOf(c);
  const abort = (): void => controller.abort();
  if (outgoing?.destroyed === true) abort();
  else outgoing?.once('close', abort);
  return controller.signal;
}
