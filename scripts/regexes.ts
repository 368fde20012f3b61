import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseSync } from 'oxc-parser';
import { analyse } from 'scslre';
import { hasAmbiguousLoop } from './ambiguity.ts';
import { hasStackedLoop } from './stacked-loop.ts';
import { type Node, walk } from './syntax.ts';

/**
 * Regular expressions of a source file that need more than linear time on some text or fail on a long one, and those
 * that cannot be judged because their pattern is put together at run time; one sentence each. Every text may come from outside one day, so
 * no use of a pattern is exempt: rewrite it, trim by trimOf of #core, or parse by hand.
 *
 * @param file is named in the sentences
 */
export function inspectRegexes(file: string, source: string): string[] {
  const { program, errors } = parseSync(file, source);
  if (errors.length > 0) return [`${file}: cannot be parsed: ${errors[0]?.message}`];
  const constants = new Map<string, string>();
  const faults: string[] = [];
  walk(program as unknown as Node, (node) => {
    if (node.type === 'VariableDeclarator') noteConstant(node, constants);
    const fault = faultOf(node, constants);
    if (fault === undefined) return;
    faults.push(`${file}:${source.slice(0, node.start).split('\n').length}: ${fault}`);
  });
  return faults;
}

/** Strings that are known before the program runs, by the names of their constants. */
function noteConstant({ id, init }: Node, constants: Map<string, string>): void {
  const text = textOf(init as Node | null, constants);
  if ((id as Node).type === 'Identifier' && text !== undefined) constants.set((id as Node)['name'] as string, text);
}

function textOf(node: Node | null | undefined, constants: ReadonlyMap<string, string>): string | undefined {
  if (node?.type === 'Literal') return typeof node['value'] === 'string' ? node['value'] : undefined;
  if (node?.type === 'Identifier') return constants.get(node['name'] as string);
  if (node?.type === 'BinaryExpression' && node['operator'] === '+') {
    return joined([node['left'] as Node, node['right'] as Node].map((side) => textOf(side, constants)));
  }
  if (node?.type === 'CallExpression') return replacedIn(node, constants);
  if (node?.type !== 'TemplateLiteral') return undefined;
  const [quasis, expressions] = [node['quasis'] as Node[], node['expressions'] as Node[]];
  return joined(
    quasis.flatMap((quasi, i) => [
      (quasi['value'] as { readonly cooked: string }).cooked,
      i < expressions.length ? textOf(expressions[i], constants) : '',
    ]),
  );
}

/** What TEXT.replace('a', 'b') gives. */
function replacedIn(call: Node, constants: ReadonlyMap<string, string>): string | undefined {
  const callee = call['callee'] as Node;
  const [text, from, to] = [callee['object'], ...(call['arguments'] as Node[])].map((node) =>
    textOf(node as Node | undefined, constants),
  );
  const isReplace = (callee['property'] as Node | undefined)?.['name'] === 'replace';
  return isReplace && text !== undefined && from !== undefined && to !== undefined
    ? text.replace(from, () => to)
    : undefined;
}

function joined(parts: readonly (string | undefined)[]): string | undefined {
  return parts.includes(undefined) ? undefined : parts.join('');
}

/** What is wrong with a node; undefined where it makes no regular expression, or a linear one. */
function faultOf(node: Node, constants: ReadonlyMap<string, string>): string | undefined {
  const literal = node['regex'] as { readonly pattern: string; readonly flags: string } | undefined;
  if (node.type === 'Literal' && literal) return judge(literal.pattern, literal.flags);
  const isCall = node.type === 'NewExpression' || node.type === 'CallExpression';
  if (!isCall || (node['callee'] as Node)['name'] !== 'RegExp') return undefined;
  const [pattern, flags] = node['arguments'] as readonly Node[];
  const text = textOf(pattern, constants);
  if (text === undefined) return 'the pattern of new RegExp is not constant, so that nothing says it is linear';
  return judge(text, flags === undefined ? '' : (textOf(flags, constants) ?? ''));
}

function judge(source: string, flags: string): string | undefined {
  const [report] = analyse({ source, flags }, { reportTypes: { Trade: true, Self: true, Move: true } }).reports;
  if (report === undefined) {
    if (hasAmbiguousLoop(source, flags)) return `/${source}/${flags} takes exponential time: its loop is ambiguous`;
    return hasStackedLoop(source, flags)
      ? `/${source}/${flags} fails on long texts: limit its loop by a number, as in {0,127}, or repeat one class alone`
      : undefined;
  }
  const growth = report.exponential ? 'exponential' : 'at least quadratic';
  return `/${source}/${flags} takes ${growth} time on many ${report.character.literal.source}`;
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '..');
  let count = 0;
  for (const file of (await readdir(join(root, 'src'), { recursive: true })).sort()) {
    if (!file.endsWith('.ts')) continue;
    const faults = inspectRegexes(`src/${file}`, await readFile(join(root, 'src', file), 'utf8'));
    for (const fault of faults) console.error(fault);
    count += faults.length;
  }
  process.exitCode = count === 0 ? 0 : 1;
}
