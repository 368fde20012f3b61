import type { RegistryContext, ServerApp } from '../context.ts';
import { reserveResponse } from '../sending.ts';
import { nextLink, pageSizeOf, storeOf } from './request.ts';

/** The page size if the client does not send `n`, and its maximum. */
const PAGE = { usual: 1000, max: 10_000 };

/**
 * The names of all repositories in byte order, page by page, as docker-registry lists them; distribution-spec v1.1.1
 * does not define this. A client that may read one repository of a tenant may read all of them.
 */
export function addCatalogRoute(app: ServerApp, context: RegistryContext): void {
  app.get('/v2/_catalog', async (c) => {
    const limit = pageSizeOf(c, PAGE);
    const { items, more } = await storeOf(c, context).listRepositories({ after: c.req.query('last'), limit });
    c.header('Cache-Control', 'no-cache');
    if (more) c.header('Link', nextLink('/v2/_catalog', { n: String(limit), last: items.at(-1) }));
    const body = JSON.stringify({ repositories: items });
    reserveResponse(c, context, body.length);
    c.header('Content-Type', 'application/json');
    return c.body(body);
  });
}
