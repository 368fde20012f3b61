import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readJson } from '../core/read-json.ts';

const root = join(import.meta.dirname, '../..');

/** What the linter said of one place. */
export interface Diagnostic {
  /** Without the `lint/` before it, e.g. `style/noDefaultExport`; `plugin` for the rules in scripts/lint. */
  readonly rule: string;
  readonly file: string;
  readonly message: string;
}

/**
 * Lints files under the project's own rules, as if they lay in the checkout.
 *
 * @param files texts by path, e.g. `src/core/canary.ts`
 * @returns in byte order of file and rule
 */
export async function lint(files: Readonly<Record<string, string>>): Promise<Diagnostic[]> {
  const folder = await mkdtemp(join(tmpdir(), 'export-center-lint-'));
  try {
    for (const file of ['biome.json', 'package.json', '.gitignore']) {
      await copyFile(join(root, file), join(folder, file));
    }
    await cp(join(root, 'scripts/lint'), join(folder, 'scripts/lint'), { recursive: true });
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    return parseReport(await runBiome(folder));
  } finally {
    await rm(folder, { recursive: true });
  }
}

function runBiome(folder: string): Promise<string> {
  const args = ['lint', '--reporter=json', '--max-diagnostics=none', '.'];
  return new Promise((resolve, reject) => {
    const biome = join(root, 'node_modules/.bin/biome');
    execFile(biome, args, { cwd: folder, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (stdout === '') reject(new Error(`biome printed no report: ${stderr}`, { cause: error }));
      else resolve(stdout);
    });
  });
}

interface Report {
  readonly diagnostics: readonly {
    readonly category: string;
    readonly message: string;
    readonly location: { readonly path: string };
  }[];
}

function parseReport(text: string): Diagnostic[] {
  const report = readJson(text) as Report;
  return report.diagnostics
    .map(({ category, message, location }) => ({
      rule: category.replace(/^lint\//, ''),
      file: location.path,
      message,
    }))
    .sort((a, b) => (`${a.file} ${a.rule}` < `${b.file} ${b.rule}` ? -1 : 1));
}
