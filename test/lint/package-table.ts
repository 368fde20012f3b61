import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readJson } from '../core/read-json.ts';

const root = join(import.meta.dirname, '../..');

/** The packages and what each may import, as the table in docs/DESIGN.md has it. */
export function readPackageTable(): ReadonlyMap<string, readonly string[]> {
  const design = readFileSync(join(root, 'docs/DESIGN.md'), 'utf8');
  const packages = new Map<string, readonly string[]>();
  for (const match of design.matchAll(/^\| `src\/([a-z/]+)` +\|[^|\n]+\| ([a-z/, ]+?) +\|$/gm)) {
    const [, name = '', allowed = ''] = match;
    packages.set(name, allowed === 'nothing' ? [] : allowed.split(', '));
  }
  return packages;
}

/** The packages that package.json gives a name to, with their public entries. */
export function readEntries(): ReadonlyMap<string, string> {
  const { imports } = readJson(readFileSync(join(root, 'package.json'), 'utf8')) as {
    imports: Record<string, string>;
  };
  return new Map(Object.entries(imports).map(([name, entry]) => [name.slice(1), entry]));
}
