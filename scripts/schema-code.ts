import { Ajv2020 } from 'ajv/dist/2020.js';
import * as standalone from 'ajv/dist/standalone/index.js';
import { compile, type JSONSchema } from 'json-schema-to-typescript';

/** A JSON Schema 2020-12; references stay within it. */
export interface Schema {
  readonly [keyword: string]: unknown;
  readonly type?: unknown;
  readonly $comment?: string;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

/** The two modules that are made of one schema. */
export interface SchemaCode {
  /** Types, and a function that reads the document: what people import. */
  readonly types: string;
  /** The checks, compiled: nothing is compiled when the program starts, and nothing is imported. */
  readonly validator: string;
}

/** Definitions that core has a branded type for, by the name of the definition. */
const BRANDS: Readonly<Record<string, string>> = { digest: 'Digest', instant: 'Instant' };

/**
 * Generates the code of a schema.
 *
 * @param name the file name of the schema without `.schema.json`, e.g. `export-manifest`
 */
export async function generateSchemaCode(schema: Schema, name: string): Promise<SchemaCode> {
  return { types: await generateTypes(schema, name), validator: generateValidator(schema, name) };
}

async function generateTypes(schema: Schema, name: string): Promise<string> {
  const brands = Object.keys(BRANDS).filter((key) => schema.$defs?.[key] !== undefined);
  const type = pascalCase(name);
  const declarations = await compile(inlineScalars(schema, schema.$defs ?? {}) as JSONSchema, type, {
    additionalProperties: false,
    bannerComment: '',
    ignoreMinAndMaxItems: true,
    style: { singleQuote: true, printWidth: 120, trailingComma: 'all' },
  });
  const imports = ['CodedError', ...brands.map((key) => `type ${BRANDS[key]}`), 'type JsonValue', 'parseJson'];
  return `${banner(name)}
import { ${imports.join(', ')} } from '#core';
import { findFaults } from './${name}.validator.generated.ts';

${tidy(declarations).trim()}

/**
 * Reads a document that must conform to manifests-schema/${name}.schema.json.
 *
 * @param name what the document is called in an error (a file, an entry, a digest)
 * @throws CodedError ERR_EXPORT_JSON_INVALID, and ERR_EXPORT_SCHEMA as check${type} does
 */
export function parse${type}(bytes: Uint8Array, name: string): ${type} {
  return check${type}(parseJson(bytes, name), name);
}

/**
 * The value itself, known to conform to manifests-schema/${name}.schema.json.
 *
 * @throws CodedError ERR_EXPORT_SCHEMA with all \`faults\` ({pointer, problem}) in its details
 */
export function check${type}(value: JsonValue, name: string): ${type} {
  const faults = findFaults(value);
  const [first] = faults;
  if (first === undefined) return value as unknown as ${type};
  const more = faults.length === 1 ? '' : \`, and \${faults.length - 1} more\`;
  throw new CodedError('ERR_EXPORT_SCHEMA', \`\${name}: \${first.pointer || 'the document'} \${first.problem}\${more}\`, {
    hint: 'compare the document with manifests-schema/${name}.schema.json',
    details: { name, schema: '${name}', faults },
  });
}
`;
}

/** Puts definitions that are no objects where they are referred to, so that only objects become named types. */
function inlineScalars(node: unknown, definitions: Readonly<Record<string, Schema>>): unknown {
  if (Array.isArray(node)) return node.map((item) => inlineScalars(item, definitions));
  if (node === null || typeof node !== 'object') return node;
  const { $ref, ...rest } = node as Schema;
  const key = $ref?.startsWith('#/$defs/') ? $ref.slice('#/$defs/'.length) : undefined;
  const definition = key === undefined ? undefined : definitions[key];
  const brand = key === undefined ? undefined : BRANDS[key];
  if (brand !== undefined) return { ...rest, tsType: brand };
  if (definition !== undefined && definition.type !== 'object') {
    return inlineScalars({ ...definition, ...rest }, definitions);
  }
  const members = Object.entries(node).filter(([member]) => member !== 'minItems' && member !== 'maxItems');
  return Object.fromEntries(members.map(([member, value]) => [member, inlineScalars(value, definitions)]));
}

/** What a parser returns is not for its readers to change, which the generator cannot say; short comments on one line. */
function tidy(declarations: string): string {
  return declarations
    .replaceAll(/^( *)\/\*\*\n *\* (.{1,110})\n *\*\/$/gm, '$1/** $2 */')
    .replaceAll(/^( +)(?=(?:\[k: string\]|'[^']+'|[\w$]+)\??: )/gm, '$1readonly ')
    .replaceAll(/: ([\w$]+)\[\];$/gm, ': readonly $1[];')
    .replaceAll(/^}\n(?=\/|export)/gm, '}\n\n');
}

function generateValidator(schema: Schema, name: string): string {
  const ajv = new Ajv2020({ strict: true, allErrors: true, code: { source: true, esm: true, lines: true } });
  const code = standalone.default.default(ajv, ajv.compile(schema));
  const inlined = code
    .replace('"use strict";\n', '')
    .replaceAll(
      /^const (\w+) = require\("ajv\/dist\/runtime\/ucs2length"\)\.default;$/gm,
      'const $1 = countCodePoints;',
    )
    .replaceAll(/^\/\*# sourceURL=.*\*\/;?\n/gm, '')
    .replace(/^export default \w+;\n/m, '')
    .replace(/^export const validate = /m, 'const validate = ');
  if (/\brequire\(|\bimport\b/.test(inlined)) {
    throw new Error(`${name}: the validator would need a module at run time; use a keyword that needs none`);
  }
  return `${banner(name)}
// @ts-nocheck: compiled by ajv; the one function that leaves this module has a type of its own

${inlined.trim()}

function countCodePoints(text) {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Where a value departs from the schema, as a JSON pointer (RFC 6901), and how; the first hundred of them. */
export function findFaults(value: unknown): { readonly pointer: string; readonly problem: string }[] {
  if (validate(value)) return [];
  return validate.errors.slice(0, 100).map((error) => {
    const member = error.params.additionalProperty ?? error.params.missingProperty ?? error.propertyName;
    const step = member === undefined ? '' : '/' + member.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1');
    const unknown = error.keyword === 'additionalProperties' ? 'is not known' : undefined;
    const missing = error.keyword === 'required' ? 'is missing' : undefined;
    return { pointer: error.instancePath + step, problem: unknown ?? missing ?? error.message };
  });
}
`;
}

function banner(name: string): string {
  return `// Generated from manifests-schema/${name}.schema.json by \`npm run generate\`: edit the schema, not this file.`;
}

function pascalCase(name: string): string {
  return name.replaceAll(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase());
}
