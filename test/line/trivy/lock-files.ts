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

export const packageLock: LockFile = {
  name: 'package-lock.json',
  encode: (installed) => {
    const packages = [...installed].map(([name, version]) => [`node_modules/${name}`, { version }] as const);
    const root = { name: 'app', version: '1.0.0', dependencies: Object.fromEntries(installed) };
    const lock = { name: 'app', version: '1.0.0', lockfileVersion: 3, requires: true };
    return JSON.stringify({ ...lock, packages: { '': root, ...Object.fromEntries(packages) } });
  },
};

export const gradleLock: LockFile = {
  name: 'gradle.lockfile',
  encode: (installed) => [...installed].map(([name, version]) => `${name}:${version}=compileClasspath\n`).join(''),
};

export const cargoLock: LockFile = {
  name: 'Cargo.lock',
  encode: (installed) => {
    const entries = [...installed].map(([name, version]) => `[[package]]\nname = "${name}"\nversion = "${version}"\n`);
    return `version = 3\n\n${entries.join('\n')}`;
  },
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
