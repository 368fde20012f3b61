import { execFileSync } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseKnownJson } from '#core';

/**
 * Builds `dist/`, what the published package runs: Node runs no TypeScript below node_modules. Each module becomes
 * JavaScript and a declaration; the exports get an imports map of their own, since the package's one leads to `src/`.
 */
async function build(root: string): Promise<void> {
  const dist = join(root, 'dist');
  await rm(dist, { recursive: true, force: true });
  execFileSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
  const { imports } = parseKnownJson(await readFile(join(root, 'package.json'))) as {
    imports: Record<string, string>;
  };
  const exports = Object.entries(imports).map(([name, entry]) => [name, builtPath(entry)]);
  const scope = { type: 'module', imports: Object.fromEntries(exports) as Record<string, string> };
  await writeFile(join(dist, 'package.json'), `${JSON.stringify(scope, null, 2)}\n`);
  await refuseSourceNames(dist);
}

function builtPath(entry: string): string {
  return entry.replace('./src/', './').replace(/\.ts$/, '.js');
}

/** tsc rewrites what is imported; a module that is named in a URL, for a worker say, would stay behind. */
async function refuseSourceNames(dist: string): Promise<void> {
  for (const path of await readdir(dist, { recursive: true })) {
    if (!path.endsWith('.js')) continue;
    const [name] = /(['"`])[^'"`\n]*(?<!\.d)\.ts\1/.exec(await readFile(join(dist, path), 'utf8')) ?? [];
    if (name !== undefined) throw new Error(`dist/${path} names ${name}, which the package does not hold`);
  }
}

await build(join(import.meta.dirname, '..'));
