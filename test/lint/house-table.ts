import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readJson } from '../core/read-json.ts';

const root = join(import.meta.dirname, '../..');

/** The rooms of the house and what each may import, as the table in docs/DESIGN.md has it. */
export function readHouseTable(): ReadonlyMap<string, readonly string[]> {
  const design = readFileSync(join(root, 'docs/DESIGN.md'), 'utf8');
  const rooms = new Map<string, readonly string[]>();
  for (const match of design.matchAll(/^\| `src\/([a-z]+)` +\|[^|\n]+\| ([a-z, ]+?) +\|$/gm)) {
    const [, room = '', allowed = ''] = match;
    rooms.set(room, allowed === 'nothing' ? [] : allowed.split(', '));
  }
  return rooms;
}

/** The rooms that package.json gives a name to, with their doors. */
export function readDoors(): ReadonlyMap<string, string> {
  const { imports } = readJson(readFileSync(join(root, 'package.json'), 'utf8')) as {
    imports: Record<string, string>;
  };
  return new Map(Object.entries(imports).map(([name, door]) => [name.slice(1), door]));
}
