import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export const root = join(import.meta.dirname, '../..');

/** A folder that lives until the end of the scope. */
export interface Scratch extends AsyncDisposable {
  readonly path: string;
}

/** An empty folder outside the checkout. */
export async function makeScratch(name: string): Promise<Scratch> {
  const path = await mkdtemp(join(tmpdir(), `export-center-${name}-`));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/**
 * Copies what a clone would hold, with what is not yet committed, so that commands can be run without a trace.
 *
 * @param modules whether the copy sees this checkout's node_modules: never where npm is to install, since it would
 *   take away what lies behind the link
 */
export async function copyCheckout(target: string, modules: 'linked' | 'absent'): Promise<void> {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const files = execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  for (const file of files.split('\0').filter((name) => name !== '' && existsSync(join(root, name)))) {
    await mkdir(dirname(join(target, file)), { recursive: true });
    await copyFile(join(root, file), join(target, file));
  }
  if (modules === 'linked') await symlink(join(root, 'node_modules'), join(target, 'node_modules'));
}
