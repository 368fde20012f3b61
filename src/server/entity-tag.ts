import type { ServerRequest } from './context.ts';

/** Whether If-None-Match matches an entity tag (RFC 9110 §13.1.2). */
export function matchesEtag(c: ServerRequest, etag: string): boolean {
  const header = c.req.header('if-none-match');
  if (header === undefined) return false;
  return header.split(',').some((entry) => {
    const tag = entry.trim();
    return tag === '*' || tag === etag || tag === `W/${etag}`;
  });
}
