import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type JsonObject, parseJson } from '#core';
import { type ApiApp, componentSchemas } from '../openapi.ts';

const SCHEMAS = join(import.meta.dirname, '../../../manifests-schema');

const ABOUT = {
  openapi: '3.1.0',
  info: {
    title: 'Export Center',
    version: '1',
    description: 'Mirrors of registries, and kits with what a zone lacks. Docs: docs/mirror-bundles.md.',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  servers: [{ url: '/' }],
  security: [{}, { basic: [] as string[] }],
};

/** Adds `GET /v1/openapi.json`, the OpenAPI 3.1 document of all routes that the app has when it is first asked. */
export function addDocumentRoute(app: ApiApp): void {
  let document: string | undefined;
  app.get('/v1/openapi.json', (c) => {
    document ??= encodeDocument(app);
    c.header('Content-Type', 'application/json');
    c.header('Cache-Control', 'no-cache');
    return c.body(document);
  });
}

/** The OpenAPI document of an app, as it is checked in. */
function encodeDocument(app: ApiApp): string {
  const registry = app.openAPIRegistry;
  registry.registerComponent('securitySchemes', 'basic', { type: 'http', scheme: 'basic' });
  for (const [component, file] of Object.entries(componentSchemas)) {
    for (const [name, schema] of componentsOf(component, readSchema(file))) {
      registry.registerComponent('schemas', name, schema);
    }
  }
  return `${JSON.stringify(app.getOpenAPI31Document(ABOUT), undefined, 2)}\n`;
}

function readSchema(file: string): JsonObject {
  const path = join(SCHEMAS, `${file}.schema.json`);
  return parseJson(readFileSync(path), path) as JsonObject;
}

/**
 * A schema and its definitions as components of their own: many readers of OpenAPI do not follow references into a
 * component.
 */
function componentsOf(component: string, schema: JsonObject): [name: string, schema: JsonObject][] {
  const { $schema: _, $id: __, $comment: ___, $defs = {}, ...own } = schema;
  const nameOf = (definition: string) => `${component}.${definition}`;
  const moved = (value: JsonObject) => moveReferences(value, nameOf) as JsonObject;
  const definitions = Object.entries($defs as JsonObject);
  return [
    [component, moved(own)],
    ...definitions.map(([name, value]) => [nameOf(name), moved(value as JsonObject)] as [string, JsonObject]),
  ];
}

const DEFINITION = /^#\/\$defs\/(.+)$/;

function moveReferences(value: unknown, nameOf: (definition: string) => string): unknown {
  if (Array.isArray(value)) return value.map((each) => moveReferences(each, nameOf));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      const name = key === '$ref' ? DEFINITION.exec(String(member))?.[1] : undefined;
      return [key, name === undefined ? moveReferences(member, nameOf) : `#/components/schemas/${nameOf(name)}`];
    }),
  );
}
