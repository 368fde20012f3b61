import { mediaTypes } from '#core';
import { encodeDescriptor } from '#oci/image';
import { REPOSITORY_PATH, type RegistryContext, type ServerApp } from '../context.ts';
import { reserveResponse } from '../sending.ts';
import { RegistryProblem } from './problem.ts';
import { digestFrom, nextLink, repositoryOf } from './request.ts';

/**
 * The manifests that have a subject, page by page, as an index (spec.md#listing-referrers).
 * The list is empty for a subject without referrers, and for one that does not exist.
 */
export function addReferrerRoutes(app: ServerApp, context: RegistryContext): void {
  app.get(`${REPOSITORY_PATH}/referrers/:digest`, async (c) => {
    const repository = repositoryOf(c, context);
    const subject = digestFrom(c.req.param('digest'));
    const artifactType = c.req.query('artifactType') || undefined;
    const after = c.req.query('last');
    if (after !== undefined && !/^[0-9a-f]{1,128}$/.test(after)) {
      throw new RegistryProblem('UNSUPPORTED', 'last must be taken from a Link header', { status: 400 });
    }
    const { items, next } = await repository.referrers.list(subject, { artifactType, after });
    c.header('Content-Type', mediaTypes.ociIndex);
    c.header('Cache-Control', 'no-cache');
    if (artifactType !== undefined) c.header('OCI-Filters-Applied', 'artifactType');
    if (next !== undefined) {
      c.header('Link', nextLink(`/v2/${repository.name}/referrers/${subject}`, { artifactType, last: next }));
    }
    const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: items.map(encodeDescriptor) };
    const body = JSON.stringify(index);
    reserveResponse(c, context, body.length);
    return c.body(body);
  });
}
