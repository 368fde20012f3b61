import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A lock file with one version of each package. */
export interface LockFile {
  readonly name: string;
  encode(installed: ReadonlyMap<string, string>): string;
}

export const goMod: LockFile = {
  name: 'go.mod',
  encode: (installed) => {
    const lines = [...installed].flatMap(([name, version]) => requireLine(name, version) ?? []);
    return `module app\n\ngo 1.26\n\nrequire (\n${lines.join('')})\n`;
  },
};

/** Undefined for a version that a go.mod cannot require under that path: its major version must be the path's. */
function requireLine(name: string, version: string): string | undefined {
  const major = Number(/^\d+/.exec(version)?.[0]);
  if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version)) return undefined;
  const suffix = /[/.]v(\d+)(-unstable)?$/.exec(name);
  if (suffix !== null) return Number(suffix[1]) === major ? `\t${name} v${version}\n` : undefined;
  return `\t${name} v${version}${major > 1 ? '+incompatible' : ''}\n`;
}

export const requirementsTxt: LockFile = {
  name: 'requirements.txt',
  encode: (installed) => [...installed].map(([name, version]) => `${name}==${version}\n`).join(''),
};

/** Writes each round into a folder of its own below `app`. */
export async function writeLockFiles(
  app: string,
  file: LockFile,
  installed: readonly ReadonlyMap<string, string>[],
): Promise<void> {
  for (const [i, versions] of installed.entries()) {
    const folder = join(app, `round-${String(i).padStart(3, '0')}`);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, file.name), file.encode(versions));
  }
}
