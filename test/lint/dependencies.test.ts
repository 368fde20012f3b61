import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readJson } from '../core/read-json.ts';

const root = join(import.meta.dirname, '../..');

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

interface Locked {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
  readonly license?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
}

const manifest = readJson(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
const { packages } = readJson(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Readonly<Record<string, Locked>>;
};
const locked = Object.entries(packages).filter(([path]) => path !== '');
const names = (wrong: (entry: Locked) => boolean) => locked.filter(([, entry]) => wrong(entry)).map(([path]) => path);

/** The packages of ours that import each dependency. */
function usesOfPackages(): ReadonlyMap<string, ReadonlySet<string>> {
  const uses = new Map<string, Set<string>>();
  for (const file of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || file.endsWith('.generated.ts')) continue;
    const text = readFileSync(join(root, 'src', file), 'utf8');
    for (const [, specifier = ''] of text.matchAll(/(?:^import|\bfrom) '([^'.#][^']*)';$/gm)) {
      if (isBuiltin(specifier)) continue;
      const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
      uses.set(name, (uses.get(name) ?? new Set()).add(file.split('/')[0] ?? ''));
    }
  }
  return uses;
}

test('dependencies are declared, and one package of ours uses each of them', () => {
  const uses = usesOfPackages();
  expect(uses.size).toBeGreaterThan(3);
  for (const [name, users] of uses) {
    expect(Object.keys(manifest.dependencies), name).toContain(name);
    expect([...users], name).toHaveLength(1);
  }
});

test('versions are exact', () => {
  const { dependencies, devDependencies, optionalDependencies } = manifest;
  const versions = [dependencies, devDependencies, optionalDependencies].flatMap((kind) => Object.values(kind));
  expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});

test('every package is pinned by a hash, and the lock file holds no address to fetch it from', () => {
  expect(names(({ integrity }) => !integrity?.startsWith('sha512-'))).toEqual([]);
  expect(names(({ resolved }) => resolved !== undefined)).toEqual([]);
});

test('no package runs anything when it is installed', () => {
  expect(names(({ hasInstallScript }) => hasInstallScript === true)).toEqual([]);
});

test('what the program needs may be passed on under Apache-2.0', () => {
  const permissive = /^(0BSD|Apache-2\.0|BSD-[23]-Clause|BlueOak-1\.0\.0|ISC|MIT|\(MIT AND Zlib\)|Zlib)$/;
  expect(names(({ dev, license }) => dev !== true && !permissive.test(license ?? ''))).toEqual([]);
});

test('DESIGN.md says how many packages production has', () => {
  const production = names(({ dev, optional }) => dev !== true && optional !== true);
  const chosen = Object.keys(manifest.dependencies);
  const design = readFileSync(join(root, 'docs/DESIGN.md'), 'utf8');
  expect(design).toContain(`${production.length} in production besides Node itself, ${chosen.length} of them chosen`);
});
