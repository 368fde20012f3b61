import { expect, test } from 'vitest';
import { lint } from './biome.ts';

/** For each rule: a file that breaks it. */
const CANARIES: readonly (readonly [rule: string, file: string, text: string])[] = [
  ['style/noDefaultExport', 'src/core/canary.ts', 'export default 1;\n'],
  ['performance/noReExportAll', 'src/core/index.ts', "export * from './digest.ts';\n"],
  ['correctness/useImportExtensions', 'src/core/canary.ts', "import { a } from './a';\nexport const b = a;\n"],
  ['style/useNodejsImportProtocol', 'src/core/canary.ts', "import { hash } from 'crypto';\nexport const a = hash;\n"],
  ['style/useImportType', 'src/core/canary.ts', "import { A } from './a.ts';\nexport type B = A;\n"],
  ['correctness/noUndeclaredDependencies', 'src/core/canary.ts', "import { a } from 'absent';\nexport const b = a;\n"],
  ['style/noCommonJs', 'src/core/canary.ts', "export const a = require('node:fs');\n"],
  ['suspicious/noExplicitAny', 'src/core/canary.ts', 'export const a: any = 1;\n'],
  ['suspicious/noTsIgnore', 'src/core/canary.ts', '// @ts-ignore\nexport const a = 1;\n'],
  ['style/noNonNullAssertion', 'src/core/canary.ts', 'export const f = (a?: string): string => a!;\n'],
  ['style/noEnum', 'src/core/canary.ts', "export enum A {\n  B = 'b',\n}\n"],
  ['style/noNamespace', 'src/core/canary.ts', 'export namespace A {\n  export const b = 1;\n}\n'],
  ['style/noParameterProperties', 'src/core/canary.ts', 'export class A {\n  constructor(readonly b: string) {}\n}\n'],
  ['style/useThrowOnlyError', 'src/core/canary.ts', "export function f(): void {\n  throw 'a';\n}\n"],
  ['suspicious/useErrorMessage', 'src/core/canary.ts', 'export function f(): void {\n  throw new Error();\n}\n'],
  ['suspicious/noFocusedTests', 'test/core/canary.test.ts', "test.only('a', () => undefined);\n"],
  ['nursery/noFloatingPromises', 'src/core/canary.ts', floating('f();')],
  ['nursery/noMisusedPromises', 'src/core/canary.ts', floating('if (f()) g();')],
  ['style/noExcessiveLinesPerFile', 'src/core/canary.ts', lines(501, (i) => `export const a${i} = ${i};`)],
  ['complexity/noExcessiveLinesPerFunction', 'src/core/canary.ts', func(lines(60, (i) => `  g(${i});`))],
  ['complexity/noExcessiveCognitiveComplexity', 'src/core/canary.ts', func(nested(7))],
  ['nursery/noJsRestrictedProperties', 'src/export/canary.ts', 'export const a = Date.now();\n'],
  ['nursery/noJsRestrictedProperties', 'src/artifacts/canary.ts', 'export const a = Math.random();\n'],
  ['nursery/noJsRestrictedProperties', 'src/evidence/canary.ts', "export const a = 'a'.localeCompare('b');\n"],
  ['style/noRestrictedGlobals', 'src/evidence/canary.ts', 'export const a = new Intl.Collator();\n'],
  ['plugin', 'src/core/canary.ts', "export type A = import('./digest.ts').Digest;\n"],
  ['plugin', 'src/core/canary.ts', "export type A = typeof import('./digest.ts');\n"],
  ['plugin', 'src/core/canary.ts', "export const a: unknown = JSON.parse('1');\n"],
  ['plugin', 'test/core/canary.ts', "export const a: unknown = JSON['parse']('1');\n"],
  ['plugin', 'scripts/canary.ts', "export const a: unknown = globalThis.JSON.parse('1');\n"],
  ['plugin', 'bench/canary.ts', 'export const { parse } = JSON;\n'],
  ['plugin', 'src/oci/canary.ts', "export const a: unknown[] = ['1'].map(JSON.parse);\n"],
  ['plugin', 'src/server/canary.ts', 'export const a = (b: Request): Promise<unknown> => b.json();\n'],
  ['plugin', 'src/oci/canary.ts', 'export const a = (b?: Response): Promise<unknown> | undefined => b?.json();\n'],
  ['plugin', 'src/oci/canary.ts', "import { json as a } from 'node:stream/consumers';\n\nexport const b = a;\n"],
  ['plugin', 'src/core/canary.ts', "export const a: unknown = new Function('return 1');\n"],
];

test.each(CANARIES)('%s is seen in %s', async (rule, file, text) => {
  const found = await lint({ 'src/core/a.ts': 'export type A = 1;\nexport const a = 1;\n', [file]: text });
  expect(found.map((diagnostic) => [diagnostic.rule, diagnostic.file])).toEqual([[rule, file]]);
});

test('JSON may be written, and text be read from a stream', async () => {
  const file = "import { text } from 'node:stream/consumers';\n\nexport const a = [text, JSON.stringify(1)];\n";
  const answer = 'export const b = (c: { json(text: string): string }): string => c.json(JSON.stringify(1));\n';
  expect(await lint({ 'src/oci/canary.ts': file, 'src/server/canary.ts': answer })).toEqual([]);
});

test('reports cycles, by relative path and through a public entry, of values and of types', async () => {
  const found = await lint({
    'src/core/a.ts': "import { b } from './b.ts';\nexport const a = () => b;\n",
    'src/core/b.ts': "import { a } from './a.ts';\nexport const b = () => a;\n",
    'src/signing/c.ts': "import type { D } from './d.ts';\nexport type C = D | 1;\n",
    'src/signing/d.ts': "import type { C } from './c.ts';\nexport type D = C | 2;\n",
    'src/oci/layout/index.ts': "export { e } from './e.ts';\n",
    'src/oci/layout/e.ts': "import { f } from '#archive';\nexport const e = f;\n",
    'src/archive/index.ts': "export { f } from './f.ts';\n",
    'src/archive/f.ts': "import { e } from '#oci/layout';\nexport const f = () => e;\n",
  });
  const cycles = found.filter(({ rule }) => rule === 'suspicious/noImportCycles').map(({ file }) => file);
  expect(cycles).toEqual([
    'src/archive/f.ts',
    'src/archive/index.ts',
    'src/core/a.ts',
    'src/core/b.ts',
    'src/oci/layout/e.ts',
    'src/oci/layout/index.ts',
    'src/signing/c.ts',
    'src/signing/d.ts',
  ]);
});

test.each([
  ['a cause that is not kept', "catch (error) {\n    g(error);\n    throw new CodedError('A', 'b');\n  }"],
  ['a cause that is not even caught', "catch {\n    throw new CodedError('A', 'b');\n  }"],
  ['a cause that one branch forgets', "catch (error) {\n    if (a) throw new Error('b');\n    throw error;\n  }"],
  [
    'a cause that is not caught, before a finally',
    "catch {\n    throw new CodedError('A', 'b');\n  } finally {\n    g(2);\n  }",
  ],
])('%s', async (_, clause) => {
  const found = await lint({ 'src/core/canary.ts': func(`  try {\n    g(1);\n  } ${clause}\n`) });
  expect(found.map(({ rule, file }) => [rule, file])).toEqual([['plugin', 'src/core/canary.ts']]);
});

test('a cause in the facts is a cause', async () => {
  const clause = "catch (cause) {\n    throw new CodedError('A', 'b', { hint: 'c', cause });\n  }";
  expect(await lint({ 'src/core/canary.ts': func(`  try {\n    g(1);\n  } ${clause}\n`) })).toEqual([]);
});

test('packages that produce no bundle bytes may read the clock', async () => {
  expect(await lint({ 'src/cli/canary.ts': 'export const a = Date.now();\n' })).toEqual([]);
});

function floating(statement: string): string {
  return `async function f(): Promise<number> {\n  return 1;\n}\nfunction g(): void {}\n${statement}\nexport { f, g };\n`;
}

function lines(count: number, line: (index: number) => string): string {
  return `${Array.from({ length: count }, (_, i) => line(i)).join('\n')}\n`;
}

function func(body: string): string {
  return `declare const g: (i: unknown) => void;\nexport function f(a: boolean): void {\n  g(a);\n${body}}\n`;
}

function nested(depth: number): string {
  return depth === 0 ? '  g(0);\n' : `  if (a) {\n${nested(depth - 1)}  }\n`;
}
