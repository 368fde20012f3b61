import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Diagnostic, lint } from './biome.ts';
import { readEntries, readPackageTable } from './package-table.ts';

const root = join(import.meta.dirname, '../..');
const table = readPackageTable();
const packages = [...table.keys()];

/** Every way in which a module can name another. */
const FORMS = {
  static: (specifier: string) => `import { thing } from '${specifier}';\nexport const it = thing;\n`,
  'side effect': (specifier: string) => `import '${specifier}';\n`,
  're-export': (specifier: string) => `export { thing } from '${specifier}';\n`,
  type: (specifier: string) => `import type { Thing } from '${specifier}';\nexport type It = Thing;\n`,
  dynamic: (specifier: string) => `export const it = await import('${specifier}');\n`,
} as const;
type Form = keyof typeof FORMS;
const forms = Object.keys(FORMS) as Form[];

/** The folders of packages: those of `src`, and those of a folder that only groups packages. */
function packageFolders(): string[] {
  return readdirSync(join(root, 'src')).flatMap((name) =>
    name === 'oci' ? readdirSync(join(root, 'src/oci')).map((inner) => `oci/${inner}`) : [name],
  );
}

const canary = (name: string, other: string, form: Form): string =>
  `src/${name}/${other.replace('/', '-')}-${form.replace(' ', '-')}.ts`;

describe('packages', () => {
  let diagnostics: Diagnostic[];

  beforeAll(async () => {
    const files: Record<string, string> = {};
    for (const name of packages) {
      files[`src/${name}/index.ts`] = 'export const thing = 1;\nexport type Thing = 1;\n';
      for (const other of packages) {
        for (const form of forms) files[canary(name, other, form)] = FORMS[form](`#${other}`);
      }
    }
    diagnostics = await lint(files);
  });

  test.each(packages)('%s: imports what the table allows, and nothing else, in every form', (name) => {
    const refused = diagnostics.filter(({ file }) => file.startsWith(`src/${name}/`));
    const illegal = packages.filter((other) => !table.get(name)?.includes(other));
    const expected = illegal.flatMap((other) => forms.map((form) => canary(name, other, form)));
    expect(refused.map(({ rule }) => rule)).toEqual(expected.map(() => 'style/noRestrictedImports'));
    expect(refused.map(({ file }) => file).sort()).toEqual(expected.sort());
    const names = (table.get(name) ?? []).map((other) => `#${other}`).join(', ') || 'no other package';
    for (const { message } of refused) expect(message).toContain(`the package ${name} may import ${names};`);
  });
});

test('every import that the table allows is used', () => {
  const unused: string[] = [];
  for (const [name, allowed] of table) {
    const folder = join(root, 'src', name);
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    const text = files.map((file) => readFileSync(join(folder, file), 'utf8')).join('\n');
    for (const other of allowed) if (!text.includes(`'#${other}'`)) unused.push(`${name} → ${other}`);
  }
  expect(unused).toEqual([]);
});

describe('public entries', () => {
  test('every package has a row in the table, and a name and an entry but for the one that none may import', () => {
    expect(packageFolders().sort()).toEqual([...packages].sort());
    const enterable = packages.filter((name) => [...table.values()].some((allowed) => allowed.includes(name)));
    expect([...readEntries()].sort()).toEqual(enterable.map((name) => [name, `./src/${name}/index.ts`]).sort());
  });

  test('every entry is there', () => {
    for (const entry of readEntries().values()) expect(existsSync(join(root, entry)), `${entry} is missing`).toBe(true);
  });

  test('Node itself lets nobody name anything but an entry', () => {
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', "import '#core/digest.ts'"], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(status).not.toBe(0);
    expect(stderr).toContain('ERR_PACKAGE_IMPORT_NOT_DEFINED');
  });
});

describe.each(forms)('ways round the entries, %s', (form) => {
  const text = FORMS[form];

  test.each([
    ['src/core/canary.ts', '../oci/image/index.ts'],
    ['src/core/canary.ts', '../../src/oci/image/index.ts'],
    ['src/oci/layout/canary.ts', '../../core/index.ts'],
    ['src/oci/layout/canary.ts', '../image/index.ts'],
    ['src/oci/layout/tar/canary.ts', '../archive/pipe.ts'],
    ['src/oci/layout/tar/canary.ts', '../../image/pack.ts'],
    ['src/cli/commands/canary.ts', '../../../scripts/packages.ts'],
  ])('%s may not import %s', async (file, specifier) => {
    const found = await lint({ [file]: text(specifier) });
    expect(found.map(({ rule, file: where }) => [rule, where])).toEqual([['style/noRestrictedImports', file]]);
  });

  test.each([
    ['src/oci/layout/canary.ts', './tar/decompress.ts'],
    ['src/oci/layout/tar/canary.ts', '../files.ts'],
    ['src/oci/layout/canary.ts', './files.ts'],
    ['test/oci/canary.test.ts', '../../src/oci/layout/files.ts'],
  ])('%s may import %s', async (file, specifier) => {
    expect(await lint({ [file]: text(specifier) })).toEqual([]);
  });
});
