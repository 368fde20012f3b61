import { execFile } from 'node:child_process';
import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readJson } from '../core/read-json.ts';
import { copyCheckout, makeScratch, root, type Scratch } from './checkout.ts';

const run = promisify(execFile);
let scratch: Scratch;
let app: string;
let packed: readonly string[];

/** Runs npm as a person would, from outside the checkout. */
async function npm(cwd: string, ...args: string[]): Promise<string> {
  const { stdout } = await run('npm', args, { cwd, maxBuffer: 16 * 1024 * 1024 });
  return stdout;
}

beforeAll(async () => {
  scratch = await makeScratch('pack');
  const checkout = join(scratch.path, 'checkout');
  await copyCheckout(checkout, 'linked');
  const [report] = readJson(await npm(checkout, 'pack', '--json', '--pack-destination', scratch.path)) as [
    { filename: string; files: { path: string }[] },
  ];
  packed = report.files.map((file) => file.path);
  app = join(scratch.path, 'app');
  await run('mkdir', [app]);
  await npm(app, 'init', '--yes');
  await npm(app, 'install', '--prefer-offline', '--no-audit', '--no-fund', join(scratch.path, report.filename));
}, 300_000);

afterAll(() => scratch[Symbol.asyncDispose]());

test('the package holds what it needs to run, and nothing else', () => {
  const folders = new Set(packed.filter((path) => path.includes('/')).map((path) => path.split('/')[0]));
  expect([...folders].sort()).toEqual(['bin', 'dist', 'examples', 'manifests-schema']);
  const files = packed.filter((path) => !path.includes('/')).sort();
  expect(files).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']);
  expect(packed.filter((path) => /(?<!\.d)\.ts$/.test(path))).toEqual([]);
});

test('export-center --version says the version of the package', async () => {
  const { version } = readJson(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  expect(await npm(app, 'exec', '--offline', '--', 'export-center', '--version')).toBe(`${version}\n`);
});

test('export-center runs an export of the sample that it brings', async () => {
  const sample = join(app, 'node_modules/export-center/examples/evidence');
  const args = ['export', '--profile', 'json:raw', '--source', sample, '--to', 'oci:out:raw', '--unsigned'];
  const stdout = await npm(app, 'exec', '--offline', '--', 'export-center', ...args, '--output', 'json');
  expect(readJson(stdout)).toMatchObject({ profile: 'json:raw', digest: expect.stringMatching(/^sha256:/) });
  expect(await readdir(join(app, 'out'))).toEqual(expect.arrayContaining(['blobs', 'index.json', 'oci-layout']));
}, 180_000);

test('the entries can be imported, with their types; what is behind them cannot', async () => {
  const lines = [
    "import { type Digest, parseDigest } from 'export-center/core';",
    "import { type ExportReport, profiles } from 'export-center';",
    "import { parseReference } from 'export-center/oci/image';",
    "import { openRepository } from 'export-center/oci/transfer';",
    "import { startServer } from 'export-center/server';",
    "import { createSigner } from 'export-center/signing';",
    "const digest: Digest = parseDigest('sha256:' + '0'.repeat(64));",
    '// @ts-expect-error a digest is no number, which the compiler knows only if it finds the types',
    'const number: number = digest;',
    'export type Report = ExportReport;',
    'const functions = [parseReference, openRepository, startServer, createSigner];',
    'console.log(typeof number, profiles.length > 1, functions.every((each) => typeof each === "function"));',
    "await import('export-center/evidence' as string).catch((error) => console.log(error.code));",
  ];
  await writeFile(join(app, 'use.mts'), lines.join('\n'));
  const flags = ['--module', 'nodenext', '--strict', '--skipLibCheck', '--target', 'es2024', '--types', 'node'];
  const typeRoots = join(root, 'node_modules/@types');
  await run(join(root, 'node_modules/.bin/tsc'), [...flags, '--typeRoots', typeRoots, 'use.mts'], { cwd: app });
  const { stdout } = await run(process.execPath, ['use.mjs'], { cwd: app });
  expect(stdout).toBe('string true true\nERR_PACKAGE_PATH_NOT_EXPORTED\n');
}, 180_000);

test.skipIf(availableParallelism() < 2)(
  'a thread that hashes and writes files starts from the JavaScript',
  async () => {
    const lines = [
      "import { closeSync, openSync } from 'node:fs';",
      "import { openOnThread } from './node_modules/export-center/dist/oci/layout/file-io/file-read.js';",
      "const file = openSync('written', 'w');",
      'const threaded = await openOnThread(file);',
      "await threaded.hash('sha256');",
      "await threaded.write(Buffer.from('abc'));",
      'console.log(await threaded.digest());',
      'await threaded.end();',
      'closeSync(file);',
    ];
    await writeFile(join(app, 'thread.mjs'), lines.join('\n'));
    const { stdout } = await run(process.execPath, ['thread.mjs'], { cwd: app });
    // FIPS 180-2, appendix B.1.
    expect(stdout).toBe('sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n');
    expect(await readFile(join(app, 'written'), 'utf8')).toBe('abc');
  },
);

test('the example of the library publishes and verifies', async () => {
  const examples = join(app, 'node_modules/export-center/examples');
  await copyFile(join(examples, 'library/publish.mjs'), join(app, 'publish.mjs'));
  const { stdout } = await run(process.execPath, ['publish.mjs', join(examples, 'evidence'), 'published'], {
    cwd: app,
  });
  expect(stdout).toMatch(/^oci:published:latest@sha256:[0-9a-f]{64}: \d+ records, \d+ layers verified\n$/);
}, 180_000);
