import { OpenAPIHono, type RouteConfig } from '@hono/zod-openapi';
import type { ServerEnv } from './context.ts';
import { HttpProblem } from './problem.ts';

/** The app of the API. Each route that is added with `openapi` is a part of the document at /v1/openapi.json. */
export type ApiApp = OpenAPIHono<ServerEnv>;

/** The documents of manifests-schema that are components of the OpenAPI document, by the name of the component. */
export const componentSchemas = {
  ApiProblem: 'api-problem',
  HealthStatus: 'health-status',
  MirrorList: 'mirror-list',
  MirrorSnapshots: 'mirror-snapshots',
  MirrorSnapshot: 'mirror-snapshot',
  DeltaRequest: 'delta-request',
  DeltaPlan: 'delta-plan',
} as const;

/** The media type of problem documents (RFC 9457). */
export const PROBLEM_TYPE = 'application/problem+json';

/** A body of a route, as a component; what reads or writes it is the generated code of that schema. */
export function schemaOf(component: keyof typeof componentSchemas): { $ref: string } {
  return { $ref: `#/components/schemas/${component}` };
}

/** A response with a document of ours. */
export function jsonResponse(component: keyof typeof componentSchemas, description: string, type = 'application/json') {
  return { description, content: { [type]: { schema: schemaOf(component) } } };
}

/** A response with bytes as they are kept. */
export function bytesResponse(description: string, type: string) {
  const schema =
    type === 'application/json' ? ({ type: 'object' } as const) : ({ type: 'string', format: 'binary' } as const);
  return { description, content: { [type]: { schema } } };
}

/** The answer to If-None-Match with the ETag of what is there. */
export const notModified = { description: 'The client has it already.' };

const PROBLEMS = {
  400: 'The request is not valid; `errors` says where.',
  401: 'The server requires a login.',
  403: 'The login lacks the permission.',
  404: 'Not found.',
  413: 'The body is too large.',
  415: 'The body has another media type than those listed.',
  416: 'The range is outside the content; Content-Range says how large that is.',
  429: 'Too many requests, or too much memory in use; Retry-After says when to come back.',
  502: 'The registry behind the server refused or failed.',
  503: 'The registry behind the server is not available at the moment; Retry-After says when to come back.',
} as const;

/** The problems that a route can answer with. */
export function problemResponses(...statuses: (keyof typeof PROBLEMS)[]): RouteConfig['responses'] {
  return Object.fromEntries(
    statuses.map((status) => [String(status), jsonResponse('ApiProblem', PROBLEMS[status], PROBLEM_TYPE)]),
  );
}

/** An app without routes. What does not fit the parameters of a route is a problem of ours. */
export function createApi(): ApiApp {
  return new OpenAPIHono<ServerEnv>({
    defaultHook: (result) => {
      if (result.success) return;
      const errors = result.error.issues.map(({ path, message }) => ({
        in: result.target === 'param' ? 'path' : result.target,
        pointer: path.map((name) => `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
        detail: message,
      }));
      throw new HttpProblem('ERR_EXPORT_USAGE', 'the parameters of the request are not valid', {
        status: 400,
        detail: { hint: 'see /v1/openapi.json', errors },
      });
    },
  });
}
