import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createApp } from '#server';

/** The OpenAPI document of the server's API. */
const app = createApp({ storeFor: () => undefined });
const response = await app.request('/v1/openapi.json');
if (response.status !== 200) throw new Error(`/v1/openapi.json: ${response.status}`);
await writeFile(join(import.meta.dirname, '../docs/openapi.json'), await response.text());
