import { createRoute } from '@hono/zod-openapi';
import { mediaTypes } from '#core';
import { type BaseRequest, listBase, parseDeltaRequest, type ServedKit, type ServedMirror } from '#mirror';
import { readBody } from '../body.ts';
import type { ServerRequest } from '../context.ts';
import { type ApiApp, jsonResponse, problemResponses, schemaOf } from '../openapi.ts';
import { HttpProblem } from '../problem.ts';
import { askingBehind } from './behind.ts';
import { disconnectSignal, type MirrorsContext, mirrorOf, mirrorParams, planParams } from './context.ts';
import { readDigests } from './digests.ts';
import { unknownPlan } from './kit.ts';

/** Receipts are the largest part of a request. */
const MAX_REQUEST_BYTES = 16 * 1024 * 1024;

const plan = createRoute({
  method: 'post',
  path: '/v1/mirrors/{name}/deltas',
  summary: 'Plan a kit with what a zone lacks',
  description: 'Changes nothing, so that readers may use it. Equal plans have one id.',
  request: {
    params: mirrorParams,
    body: {
      required: true,
      description: 'What the zone has.',
      content: {
        'application/json': { schema: schemaOf('DeltaRequest') },
        [mediaTypes.mirrorDigests]: {
          schema: { type: 'string', description: 'A digest list: one digest a line, up to 1,000,000.' },
        },
      },
    },
  },
  responses: {
    200: jsonResponse('DeltaPlan', 'The plan.'),
    ...problemResponses(400, 401, 403, 404, 413, 415, 429, 502, 503),
  },
});

const readPlan = createRoute({
  method: 'get',
  path: '/v1/mirrors/{name}/deltas/{id}',
  summary: 'Read a plan again',
  request: { params: planParams },
  responses: { 200: jsonResponse('DeltaPlan', 'The plan.'), ...problemResponses(400, 401, 403, 404) },
});

/** Plans of kits. */
export function addDeltaRoutes(app: ApiApp, context: MirrorsContext): void {
  app.openapi(plan, async (c) => {
    const mirror = mirrorOf(c, context, c.req.valid('param').name);
    const signal = disconnectSignal(c);
    const kit = await planFrom(c, context, (bases) => askingBehind(() => mirror.plan(bases, { signal })), mirror);
    c.header('Content-Location', `/v1/mirrors/${mirror.name}/deltas/${kit.id}`);
    c.header('Cache-Control', 'no-store');
    return c.json(kit.describe());
  });

  app.openapi(readPlan, (c) => {
    const { name, id } = c.req.valid('param');
    const kit = mirrorOf(c, context, name).kitOf(id);
    if (kit === undefined) throw unknownPlan(name, id);
    c.header('Cache-Control', 'no-store');
    return c.json(kit.describe());
  });
}

type PlanKit = (bases: readonly BaseRequest[]) => Promise<ServedKit>;

/** Plans from the body of a request, which is held until the plan is made. */
async function planFrom(
  c: ServerRequest,
  context: MirrorsContext,
  plan: PlanKit,
  mirror: ServedMirror,
): Promise<ServedKit> {
  const type = contentTypeOf(c);
  switch (type) {
    case mediaTypes.mirrorDigests: {
      using digests = await readDigests(c, context);
      return await plan([listBase(digests.set, 'the digest list')]);
    }
    case 'application/json': {
      using body = await readBody(c, context, MAX_REQUEST_BYTES);
      return await plan(mirror.basesOf(parseDeltaRequest(body.bytes, 'the request')));
    }
    default:
      throw unsupportedType(type);
  }
}

function contentTypeOf(c: ServerRequest): string {
  return (c.req.header('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function unsupportedType(type: string): HttpProblem {
  return new HttpProblem('ERR_EXPORT_USAGE', `unsupported media type: ${JSON.stringify(type.slice(0, 100))}`, {
    status: 415,
    headers: { 'Accept-Post': `application/json, ${mediaTypes.mirrorDigests}` },
    detail: { hint: `send application/json or ${mediaTypes.mirrorDigests}` },
  });
}
