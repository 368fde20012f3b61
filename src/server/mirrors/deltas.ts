import { createRoute } from '@hono/zod-openapi';
import { mediaTypes } from '#core';
import { parseDeltaRequest } from '#mirror';
import { readBody } from '../body.ts';
import type { ServerRequest } from '../context.ts';
import { type ApiApp, jsonResponse, problemResponses, schemaOf } from '../openapi.ts';
import { HttpProblem } from '../problem.ts';
import { askingBehind } from './behind.ts';
import { disconnectSignal, type MirrorsContext, mirrorOf, mirrorParams, planParams } from './context.ts';
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
    const type = contentTypeOf(c);
    if (type !== 'application/json') throw unsupportedType(type);
    using body = await readBody(c, context, MAX_REQUEST_BYTES);
    parseDeltaRequest(body.bytes, 'the request');
    const kit = await askingBehind(() => mirror.plan({ signal: disconnectSignal(c) }));
    const described = kit.describe();
    c.header('Content-Location', `/v1/mirrors/${mirror.name}/deltas/${kit.id}`);
    c.header('Cache-Control', 'no-store');
    return c.json(described);
  });

  app.openapi(readPlan, (c) => {
    const { name, id } = c.req.valid('param');
    const kit = mirrorOf(c, context, name).kitOf(id);
    if (kit === undefined) throw unknownPlan(name, id);
    c.header('Cache-Control', 'no-store');
    return c.json(kit.describe());
  });
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
