import { createRoute, z } from '@hono/zod-openapi';
import { type ApiApp, bytesResponse, problemResponses } from '../openapi.ts';
import { HttpProblem } from '../problem.ts';
import { reserveResponse } from '../sending.ts';
import { askingBehind } from './behind.ts';
import { type MirrorsContext, mirrorOf, mirrorParams } from './context.ts';

const file = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$/, 'not the name of a file')
  .openapi({ description: 'The name of a file.', example: 'timestamp.json' });

const folders = {
  metadata: 'A file of TUF metadata, exactly as it was signed',
  targets: 'A target, exactly as it was signed',
} as const;

/** The one file that is replaced; all others have their version or digest in their name. */
const TIMESTAMP = 'timestamp.json';

/** TUF over HTTP: any client of TUF can use `/v1/mirrors/NAME/tuf/metadata/` and `/v1/mirrors/NAME/tuf/targets/`. */
export function addTufRoutes(app: ApiApp, context: MirrorsContext): void {
  for (const folder of ['metadata', 'targets'] as const) {
    const route = createRoute({
      method: 'get',
      path: `/v1/mirrors/{name}/tuf/${folder}/{file}`,
      summary: folders[folder],
      request: { params: mirrorParams.extend({ file }) },
      responses: {
        200: bytesResponse('The file.', 'application/json'),
        ...problemResponses(400, 401, 403, 404, 429),
      },
    });
    app.openapi(route, async (c) => {
      const { name, file: wanted } = c.req.valid('param');
      const mirror = mirrorOf(c, context, name);
      const bytes = await askingBehind(() => mirror.readTuf(folder, wanted));
      if (bytes === undefined) {
        // Clients ask for the next root until there is none.
        throw new HttpProblem('ERR_EXPORT_NOT_FOUND', `${folder}/${wanted}: no such file`, { status: 404 });
      }
      reserveResponse(c, context, bytes.byteLength);
      return new Response(bytes as Uint8Array<ArrayBuffer>, {
        headers: {
          'Content-Type': 'application/json',
          'Content-Length': String(bytes.byteLength),
          'Cache-Control': wanted === TIMESTAMP ? 'no-cache' : 'private, max-age=86400',
        },
      });
    });
  }
}
