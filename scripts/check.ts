import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** Everything that must hold of the source besides its tests; each step is a command that can be run alone. */
const STEPS: readonly (readonly [name: string, command: string])[] = [
  ['format, lint, package rules', 'biome check --error-on-warnings'],
  ['types', 'tsc -p .'],
  ['dead code', 'knip'],
  ['dead code but for tests', 'knip --production'],
  ['sizes and shape of packages', 'node scripts/packages.ts'],
  ['classes have at most eight fields', 'node scripts/classes.ts'],
  ['regular expressions are linear', 'node scripts/regexes.ts'],
  ['generated files', 'node scripts/generate-schemas.ts --check'],
];

const root = join(import.meta.dirname, '..');
const failed: string[] = [];
for (const [name, command] of STEPS) {
  const started = performance.now();
  const { status } = spawnSync(command, { cwd: root, shell: true, stdio: 'inherit' });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.error(`${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${command}, ${seconds} s)`);
  if (status !== 0) failed.push(name);
}
if (failed.length > 0) console.error(`\n${failed.length} of ${STEPS.length} checks failed: ${failed.join('; ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
