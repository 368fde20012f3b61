import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Diagnostic, lint } from './biome.ts';
import { readDoors, readHouseTable } from './house-table.ts';

const root = join(import.meta.dirname, '../..');
const table = readHouseTable();
const rooms = [...table.keys()];

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

const canary = (room: string, other: string, form: Form): string => `src/${room}/${other}-${form.replace(' ', '-')}.ts`;

describe('rooms', () => {
  let diagnostics: Diagnostic[];

  beforeAll(async () => {
    const files: Record<string, string> = {};
    for (const room of rooms) {
      files[`src/${room}/index.ts`] = 'export const thing = 1;\nexport type Thing = 1;\n';
      for (const other of rooms) {
        for (const form of forms) files[canary(room, other, form)] = FORMS[form](`#${other}`);
      }
    }
    diagnostics = await lint(files);
  });

  test.each(rooms)('%s: imports what the table allows, and nothing else, in every form', (room) => {
    const refused = diagnostics.filter(({ file }) => file.startsWith(`src/${room}/`));
    const illegal = rooms.filter((other) => !table.get(room)?.includes(other));
    const expected = illegal.flatMap((other) => forms.map((form) => canary(room, other, form)));
    expect(refused.map(({ rule }) => rule)).toEqual(expected.map(() => 'style/noRestrictedImports'));
    expect(refused.map(({ file }) => file).sort()).toEqual(expected.sort());
    const names = (table.get(room) ?? []).map((other) => `#${other}`).join(', ') || 'no other room';
    for (const { message } of refused) expect(message).toContain(`the room ${room} may import ${names};`);
  });
});

describe('doors', () => {
  test('every room has a row in the table, and a name and a door but for the one that nobody may enter', () => {
    expect(readdirSync(join(root, 'src')).sort()).toEqual([...rooms].sort());
    const enterable = rooms.filter((room) => [...table.values()].some((allowed) => allowed.includes(room)));
    expect([...readDoors()].sort()).toEqual(enterable.map((room) => [room, `./src/${room}/index.ts`]).sort());
  });

  test('every door is there', () => {
    for (const door of readDoors().values()) expect(existsSync(join(root, door)), `${door} is missing`).toBe(true);
  });

  test('Node itself lets nobody name anything but a door', () => {
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', "import '#core/digest.ts'"], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(status).not.toBe(0);
    expect(stderr).toContain('ERR_PACKAGE_IMPORT_NOT_DEFINED');
  });
});

describe.each(forms)('ways round the doors, %s', (form) => {
  const text = FORMS[form];

  test.each([
    ['src/core/canary.ts', '../oci/index.ts'],
    ['src/core/canary.ts', '../../src/oci/index.ts'],
    ['src/oci/layout/canary.ts', '../../core/index.ts'],
    ['src/oci/layout/canary.ts', '../store/paths.ts'],
    ['src/cli/commands/canary.ts', '../../../scripts/house.ts'],
  ])('%s may not import %s', async (file, specifier) => {
    const found = await lint({ [file]: text(specifier) });
    expect(found.map(({ rule, file: where }) => [rule, where])).toEqual([['style/noRestrictedImports', file]]);
  });

  test.each([
    ['src/oci/canary.ts', './layout/files.ts'],
    ['src/oci/layout/canary.ts', '../ports.ts'],
    ['src/oci/layout/canary.ts', './files.ts'],
    ['test/oci/canary.test.ts', '../../src/oci/layout/files.ts'],
  ])('%s may import %s', async (file, specifier) => {
    expect(await lint({ [file]: text(specifier) })).toEqual([]);
  });
});
