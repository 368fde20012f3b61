import { createRoute, z } from '@hono/zod-openapi';
import { type Digest, mediaTypes } from '#core';
import type { MirrorList, MirrorSnapshots } from '#mirror';
import { matchesEtag } from '../entity-tag.ts';
import { type ApiApp, jsonResponse, notModified, problemResponses } from '../openapi.ts';
import { HttpProblem } from '../problem.ts';
import { reserveResponse } from '../sending.ts';
import { askingBehind } from './behind.ts';
import { disconnectSignal, type MirrorsContext, mirrorOf, mirrorParams } from './context.ts';

const list = createRoute({
  method: 'get',
  path: '/v1/mirrors',
  summary: 'List mirrors',
  responses: { 200: jsonResponse('MirrorList', 'All mirrors of this server.'), ...problemResponses(401, 403) },
});

const listSnapshots = createRoute({
  method: 'get',
  path: '/v1/mirrors/{name}/snapshots',
  summary: 'List the snapshots of a mirror',
  description: 'As its TUF repository lists them. Verify them with TUF before you rely on them.',
  request: { params: mirrorParams },
  responses: { 200: jsonResponse('MirrorSnapshots', 'The newest first.'), ...problemResponses(400, 401, 403, 404) },
});

const digest = z
  .string()
  .regex(/^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/, 'not a digest')
  .openapi({ description: 'The digest of the manifest of a snapshot.' });

const readSnapshot = createRoute({
  method: 'get',
  path: '/v1/mirrors/{name}/snapshots/{digest}',
  summary: 'Read the document of a snapshot',
  description: 'Its bytes as they are signed: the only layer of the manifest with this digest.',
  request: { params: mirrorParams.extend({ digest }) },
  responses: {
    200: jsonResponse('MirrorSnapshot', 'The document.', mediaTypes.mirrorSnapshot),
    304: notModified,
    ...problemResponses(400, 401, 403, 404, 429, 502, 503),
  },
});

/** Mirrors and their snapshots. */
export function addSnapshotRoutes(app: ApiApp, context: MirrorsContext): void {
  app.openapi(list, async (c) => {
    const mirrors: MirrorList['mirrors'][number][] = [];
    const all = [...context.mirrorsFor(c.get('principal').tenant).values()];
    for (const mirror of all.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const [newest] = await askingBehind(() => mirror.listSnapshots());
      mirrors.push({ name: mirror.name, ...(newest === undefined ? {} : { newest }) });
    }
    c.header('Cache-Control', 'no-cache');
    return c.json({ mirrors } satisfies MirrorList);
  });

  app.openapi(listSnapshots, async (c) => {
    const mirror = mirrorOf(c, context, c.req.valid('param').name);
    const snapshots = await askingBehind(() => mirror.listSnapshots());
    c.header('Cache-Control', 'no-cache');
    return c.json({ snapshots } satisfies MirrorSnapshots);
  });

  app.openapi(readSnapshot, async (c) => {
    const { name, digest } = c.req.valid('param');
    const mirror = mirrorOf(c, context, name);
    const bytes = await askingBehind(() => mirror.readDocument(digest as Digest, { signal: disconnectSignal(c) }));
    if (bytes === undefined) {
      throw new HttpProblem('ERR_EXPORT_NOT_FOUND', `${digest}: not a snapshot of ${name}`, {
        status: 404,
        detail: { hint: `list the snapshots with GET /v1/mirrors/${name}/snapshots` },
      });
    }
    const headers = { 'Cache-Control': 'private, max-age=31536000, immutable', ETag: `"${digest}"` };
    if (matchesEtag(c, headers.ETag)) return new Response(null, { status: 304, headers });
    reserveResponse(c, context, bytes.byteLength);
    const content = {
      'Content-Type': mediaTypes.mirrorSnapshot,
      'Content-Length': String(bytes.byteLength),
    };
    return new Response(bytes as Uint8Array<ArrayBuffer>, { headers: { ...headers, ...content } });
  });
}
