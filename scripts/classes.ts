import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseSync } from 'oxc-parser';
import { type Node, walk } from './syntax.ts';

/** A class that keeps more in mind does more than one thing. */
const MAX_FIELDS = 8;

/**
 * Classes of a source file with more than eight fields of their own, private and inherited by parameters of the
 * constructor included, static ones not; one sentence each.
 *
 * @param file is named in the sentences
 */
export function inspectClasses(file: string, source: string): string[] {
  const { program, errors } = parseSync(file, source);
  if (errors.length > 0) return [`${file}: cannot be parsed: ${errors[0]?.message}`];
  const faults: string[] = [];
  walk(program as unknown as Node, (node) => {
    if (node.type !== 'ClassDeclaration' && node.type !== 'ClassExpression') return;
    const name = (node['id'] as Node | null)?.['name'] ?? 'a class without a name';
    const count = fieldsOf((node['body'] as Node)['body'] as readonly Node[]);
    if (count > MAX_FIELDS) faults.push(`${file}: ${name} has ${count} fields, more than ${MAX_FIELDS}`);
  });
  return faults;
}

function fieldsOf(members: readonly Node[]): number {
  return members.reduce((count, member) => count + fieldsIn(member), 0);
}

function fieldsIn(member: Node): number {
  if (member.type === 'PropertyDefinition') return member['static'] === true ? 0 : 1;
  if (member['kind'] !== 'constructor') return 0;
  const parameters = (member['value'] as Node)['params'] as readonly Node[];
  return parameters.filter(({ type }) => type === 'TSParameterProperty').length;
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '..');
  let count = 0;
  for (const file of (await readdir(join(root, 'src'), { recursive: true })).sort()) {
    if (!file.endsWith('.ts')) continue;
    const faults = inspectClasses(`src/${file}`, await readFile(join(root, 'src', file), 'utf8'));
    for (const fault of faults) console.error(fault);
    count += faults.length;
  }
  process.exitCode = count === 0 ? 0 : 1;
}
