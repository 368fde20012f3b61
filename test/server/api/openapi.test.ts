import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { createApp } from '#server';
import { readJson } from '../../core/read-json.ts';

type Json = { readonly [key: string]: Json };

const app = createApp({ storeFor: () => undefined });
const served = await (await app.request('/v1/openapi.json')).text();
const document = readJson(served) as unknown as Json;

test('docs/openapi.json is the document that is served: else run npm run generate', async () => {
  expect(await readFile(join(import.meta.dirname, '../../../docs/openapi.json'), 'utf8')).toBe(served);
});

test('it is OpenAPI 3.1 and lists each route', () => {
  expect(document['openapi']).toBe('3.1.0');
  expect(Object.keys(document['paths'] as Json).sort()).toEqual([
    '/healthz',
    '/readyz',
    '/v1/mirrors',
    '/v1/mirrors/{name}/deltas',
    '/v1/mirrors/{name}/deltas/{id}',
    '/v1/mirrors/{name}/deltas/{id}/kit',
    '/v1/mirrors/{name}/snapshots',
    '/v1/mirrors/{name}/snapshots/{digest}',
    '/v1/mirrors/{name}/tuf/metadata/{file}',
    '/v1/mirrors/{name}/tuf/targets/{file}',
  ]);
});

test('every reference leads to a component, and every component is a strict schema', () => {
  const schemas = (document['components'] as Json)['schemas'] as Json;
  for (const [, reference = ''] of served.matchAll(/"\$ref": "#\/components\/schemas\/([^"]+)"/g)) {
    expect(Object.keys(schemas)).toContain(reference);
  }
  const ajv = new Ajv2020({ strict: false });
  ajv.addSchema({ $id: 'https://example.com/api', components: { schemas } });
  for (const [name, schema] of Object.entries(schemas)) {
    if ((schema as { type?: unknown }).type === 'object')
      expect(schema, name).toMatchObject({ additionalProperties: false });
    ajv.compile({ $ref: `https://example.com/api#/components/schemas/${name}` });
  }
});

test('problems of parameters are described, with their media type', () => {
  const plan = ((document['paths'] as Json)['/v1/mirrors/{name}/deltas'] as Json)['post'] as Json;
  const responses = plan['responses'] as Json;
  expect(Object.keys(responses)).toEqual(expect.arrayContaining(['200', '400', '404', '415', '503']));
  expect(responses['415']).toMatchObject({
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/ApiProblem' } } },
  });
});
