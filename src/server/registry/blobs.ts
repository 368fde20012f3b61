import type { StoredBlob } from '#oci/store';
import { REPOSITORY_PATH, type RegistryContext, type ServerApp, type ServerRequest } from '../context.ts';
import { matchesEtag } from '../entity-tag.ts';
import { parseRange } from '../range.ts';
import { sendBlob } from '../sending.ts';
import { RegistryProblem, unsupported } from './problem.ts';
import { digestFrom, repositoryOf } from './request.ts';

/** Content addressed by digest never changes. */
const FOREVER = 'max-age=31536000, immutable';

/** Reads and deletes of blobs (spec.md#pulling-blobs, spec.md#deleting-blobs). */
export function addBlobRoutes(app: ServerApp, context: RegistryContext): void {
  const path = `${REPOSITORY_PATH}/blobs/:digest` as const;

  app.get(path, async (c) => {
    const { blobs } = repositoryOf(c, context);
    const digest = digestFrom(c.req.param('digest'));
    const etag = `"${digest}"`;
    const headers: Record<string, string> = {
      'Docker-Content-Digest': digest,
      'Content-Type': 'application/octet-stream',
      'Cache-Control': FOREVER,
      'Accept-Ranges': 'bytes',
      ETag: etag,
    };
    if (c.req.method === 'HEAD') {
      // A client that finds the blob skips its upload, so it must not be garbage-collected now.
      const size = await blobs.use(digest);
      if (size === undefined) throw unknown(digest);
      if (matchesEtag(c, etag)) return new Response(null, { status: 304, headers });
      return new Response(null, { headers: { ...headers, 'Content-Length': String(size) } });
    }
    const blob = await blobs.open(digest);
    if (blob === undefined) throw unknown(digest);
    if (matchesEtag(c, etag)) {
      await blob.close();
      return new Response(null, { status: 304, headers });
    }
    return await sendRange(c, context, blob, headers);
  });

  app.delete(path, async (c) => {
    if (!context.deletes) throw unsupported('deletes are disabled in this registry');
    const { blobs } = repositoryOf(c, context);
    const digest = digestFrom(c.req.param('digest'));
    if (await blobs.delete(digest)) return new Response(null, { status: 202 });
    throw unknown(digest);
  });
}

async function sendRange(
  c: ServerRequest,
  context: RegistryContext,
  blob: StoredBlob,
  headers: Record<string, string>,
): Promise<Response> {
  const { size } = blob;
  const condition = c.req.header('if-range');
  const wanted = condition === undefined || condition === headers['ETag'] ? c.req.header('range') : undefined;
  const range = parseRange(wanted, size);
  if (range === 'unsatisfiable') {
    await blob.close();
    throw new RegistryProblem('SIZE_INVALID', 'the range is outside the blob', {
      status: 416,
      detail: { size },
      headers: { 'Content-Range': `bytes */${size}` },
    });
  }
  const { start, end } = range ?? { start: 0, end: size - 1 };
  headers['Content-Length'] = String(end - start + 1);
  if (range !== undefined) headers['Content-Range'] = `bytes ${start}-${end}/${size}`;
  return await sendBlob(c, context, blob, { status: range === undefined ? 200 : 206, headers, range: { start, end } });
}

function unknown(digest: string): RegistryProblem {
  return new RegistryProblem('BLOB_UNKNOWN', undefined, { detail: { digest } });
}
