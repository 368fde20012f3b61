import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLayout } from '#oci/layout';
import { pushArtifact } from '../oci/content.ts';

const run = promisify(execFile);
const main = join(import.meta.dirname, '../../src/cli/main.ts');
/** Writes the URL of each module of a file to stderr. */
const hook = `import { registerHooks } from 'node:module';
import { writeSync } from 'node:fs';
registerHooks({ load(url, context, next) {
  if (url.startsWith('file:')) writeSync(2, 'loads ' + url + '\\n');
  return next(url, context);
} });`;
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'loaded-'));
});

afterEach(() => rm(root, { recursive: true }));

/** The modules that a run loads, by the ends of their paths. What they cost is most of what a short run costs. */
async function loadedBy(...args: string[]): Promise<string[]> {
  const preload = `data:text/javascript,${encodeURIComponent(hook)}`;
  const { stderr } = await run(process.execPath, ['--import', preload, main, ...args]);
  return stderr.split('\n').flatMap((line) => /^loads .*\/((?:src|node_modules)\/.*)$/.exec(line)?.[1] ?? []);
}

test('--version loads two modules', async () => {
  expect(await loadedBy('--version')).toEqual(['src/cli/main.ts', 'src/cli/version.ts']);
});

test('a copy between layouts loads nothing of registries, archives, pulls and other commands', async () => {
  const source = await openLayout(join(root, 'source'), { create: true });
  const artifact = await pushArtifact(source, 'text');
  await source.tag(artifact, '1');
  await source.close();
  const loaded = await loadedBy('copy', '--quiet', `oci:${root}/source:1`, `oci:${root}/target:1`);
  const needless = /undici|oci\/registry|layout\/(?:archive|docker|tar)|file-thread|transfer\/pull\/|server|signing/;
  expect(loaded.filter((path) => needless.test(path))).toEqual([]);
  expect(loaded.filter((path) => path.includes('cli/commands/'))).toEqual(['src/cli/commands/copy.ts']);
  expect(loaded.length).toBeLessThanOrEqual(105);
});
