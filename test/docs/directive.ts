import type { Block } from './markdown.ts';

/** What is to become of a block of commands. */
export interface Directive {
  /** Why the block is not run; undefined for one that is. */
  readonly notRun: string | undefined;
  /** Tools that the block needs, by the name of their command. */
  readonly needs: readonly string[];
  /** The status that the block ends with. */
  readonly exit: number;
  /** For a block that serves: the text that says it is ready. */
  readonly until: string | undefined;
}

/**
 * What the comment above a block asks for; CONTRIBUTING.md has the table.
 *
 * @throws Error for a comment that begins like one of these and is none
 */
export function parseDirective(block: Block): Directive {
  const directive: Directive = { notRun: undefined, needs: [], exit: 0, until: undefined };
  const notRun = /^not run: ?(.*)$/.exec(block.comment)?.[1];
  if (notRun !== undefined) {
    if (notRun.length < 10) throw new Error(`${where(block)}: say why the block is not run`);
    return { ...directive, notRun };
  }
  const run = /^run: (.*)$/.exec(block.comment)?.[1];
  if (run === undefined) {
    if (/^(not )?run\b/.test(block.comment)) throw new Error(`${where(block)}: not understood: ${block.comment}`);
    return directive;
  }
  return Object.assign({}, directive, ...run.split('; ').map((clause) => parseClause(clause, block))) as Directive;
}

function parseClause(clause: string, block: Block): Partial<Directive> {
  const [, until] = /^until "([^"]+)"$/.exec(clause) ?? [];
  if (until !== undefined) return { until };
  const [, needs] = /^needs ([a-z0-9 -]+)$/.exec(clause) ?? [];
  if (needs !== undefined) return { needs: needs.split(' ') };
  const [, exit] = /^exit (\d{1,3})$/.exec(clause) ?? [];
  if (exit !== undefined) return { exit: Number(exit) };
  throw new Error(`${where(block)}: not understood: ${clause}`);
}

/** A block's place, as terminals make it a link. */
export function where(block: Block): string {
  return `${block.page}:${block.line}`;
}
