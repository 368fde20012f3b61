import { createRoute, z } from '@hono/zod-openapi';
import { hexOf } from '#core';
import type { ServedKit } from '#mirror';
import type { ByteRange, ByteStream } from '#oci/image';
import { matchesEtag } from '../entity-tag.ts';
import { type ApiApp, bytesResponse, notModified, problemResponses } from '../openapi.ts';
import { HttpProblem } from '../problem.ts';
import { parseRange } from '../range.ts';
import { sendStream } from '../sending.ts';
import { askingBehind } from './behind.ts';
import { disconnectSignal, type MirrorsContext, mirrorOf, planParams } from './context.ts';

const TAR = 'application/x-tar';

const kit = createRoute({
  method: 'get',
  path: '/v1/mirrors/{name}/deltas/{id}/kit',
  summary: 'Fetch a kit, or a range of it',
  description:
    'A tar, the same bytes for everybody. The ETag is the id of the kit, so that If-Range resumes a download. ' +
    'Repr-Digest is sent once the server has sent the kit as a whole before. A response that ends before its ' +
    'Content-Length is not whole: fetch the rest.',
  request: {
    params: planParams,
    headers: z.object({
      range: z.string().optional().openapi({ description: 'One range of bytes (RFC 9110).', example: 'bytes=1000-' }),
      'if-none-match': z.string().optional().openapi({ description: 'The ETag of a kit that the client has.' }),
      'if-range': z.string().optional().openapi({ description: 'The ETag of the download that is resumed.' }),
    }),
  },
  responses: {
    200: bytesResponse('The kit.', TAR),
    206: bytesResponse('The range.', TAR),
    304: notModified,
    ...problemResponses(400, 401, 403, 404, 416, 429, 502, 503),
  },
});

/** `GET …/kit`, which streams from the registry behind the mirror. */
export function addKitRoute(app: ApiApp, context: MirrorsContext): void {
  app.openapi(kit, async (c) => {
    const { name, id } = c.req.valid('param');
    const served = mirrorOf(c, context, name).kitOf(id);
    if (served === undefined) throw unknownPlan(name, id);
    const headers = headersOf(name, served);
    if (matchesEtag(c, headers.ETag)) return new Response(null, { status: 304, headers });
    const condition = c.req.header('if-range');
    const wanted = condition === undefined || condition === headers.ETag ? c.req.header('range') : undefined;
    const range = parseRange(wanted, served.tarBytes);
    if (range === 'unsatisfiable') throw outside(served);
    const { start, end } = range ?? { start: 0, end: served.tarBytes - 1 };
    const length = { 'Content-Length': String(end - start + 1) };
    const part = range === undefined ? {} : { 'Content-Range': `bytes ${start}-${end}/${served.tarBytes}` };
    const status = range === undefined ? 200 : 206;
    const sent = { ...headers, ...length, ...part };
    if (c.req.method === 'HEAD') return new Response(null, { status, headers: sent });
    const signal = disconnectSignal(c);
    const stream = await askingBehind(() => begun(served, { start, end }, signal));
    // A request that its client has aborted is not an internal error.
    const report = (error: unknown): void => (signal.aborted ? undefined : context.report?.(error));
    return await sendStream(c, stream, { status, headers: sent }, report);
  });
}

/** The problem for a plan that is not in memory. */
export function unknownPlan(name: string, id: string): HttpProblem {
  return new HttpProblem('ERR_EXPORT_NOT_FOUND', `${id}: no such plan, or no longer`, {
    status: 404,
    detail: {
      hint: `plan again with POST /v1/mirrors/${name}/deltas: as long as nothing was published, the kit is the same`,
    },
  });
}

function headersOf(
  name: string,
  { kit: kitId, id, tarDigest }: ServedKit,
): Record<string, string> & { readonly ETag: string } {
  return {
    'Content-Type': TAR,
    'Content-Disposition': `attachment; filename="${name}-${id.slice(0, 12)}.tar"`,
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'private, max-age=86400, immutable',
    ETag: `"${kitId}"`,
    ...(tarDigest === undefined
      ? {}
      : { 'Repr-Digest': `sha-256=:${Buffer.from(hexOf(tarDigest), 'hex').toString('base64')}:` }),
  };
}

function outside({ tarBytes }: ServedKit): HttpProblem {
  return new HttpProblem('ERR_EXPORT_USAGE', `the range is outside the kit of ${tarBytes} bytes`, {
    status: 416,
    headers: { 'Content-Range': `bytes */${tarBytes}` },
  });
}

/** The stream, whose first bytes are there: what fails before them can still be a problem with a status. */
async function begun(served: ServedKit, range: ByteRange, signal: AbortSignal): Promise<ByteStream> {
  await served.probe(range, { signal });
  const chunks = served.read(range, { signal })[Symbol.asyncIterator]();
  const first = await chunks.next();
  return first.done === true ? nothing() : from(first.value, { [Symbol.asyncIterator]: () => chunks });
}

async function* nothing(): ByteStream {}

async function* from(first: Uint8Array, rest: ByteStream): ByteStream {
  yield first;
  yield* rest;
}
