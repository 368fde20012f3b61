import { REPOSITORY_PATH, type RegistryContext, type ServerApp } from '../context.ts';
import { reserveResponse } from '../sending.ts';
import { RegistryProblem } from './problem.ts';
import { nextLink, pageSizeOf, repositoryOf } from './request.ts';

/** The page size if the client does not send `n`, and its maximum. */
const PAGE = { usual: 1000, max: 10_000 };

/** Tags in byte order, page by page (spec.md#listing-tags). */
export function addTagRoutes(app: ServerApp, context: RegistryContext): void {
  app.get(`${REPOSITORY_PATH}/tags/list`, async (c) => {
    const repository = repositoryOf(c, context);
    const limit = pageSizeOf(c, PAGE);
    const { items, more } = await repository.tags.list({ after: c.req.query('last'), limit });
    if (items.length === 0 && !(await repository.exists())) {
      throw new RegistryProblem('NAME_UNKNOWN', undefined, { detail: { name: repository.name } });
    }
    c.header('Cache-Control', 'no-cache');
    if (more) {
      const path = `/v2/${repository.name}/tags/list`;
      c.header('Link', nextLink(path, { n: String(limit), last: items.at(-1) }));
    }
    const body = JSON.stringify({ name: repository.name, tags: items });
    reserveResponse(c, context, body.length);
    c.header('Content-Type', 'application/json');
    return c.body(body);
  });
}
