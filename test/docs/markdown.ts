import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../..');

/** A fenced block of a page, with the comment right above it. */
export interface Block {
  readonly page: string;
  /** Of the opening fence, from 1. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
  /** What stands in `<!-- … -->` above the fence; empty where nothing does. */
  readonly comment: string;
}

/** All pages of the checkout, committed or about to be, in byte order. */
export function listPages(...patterns: string[]): string[] {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', ...patterns];
  const files = execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\0');
  return [...new Set(files)].filter((file) => file !== '' && existsSync(join(root, file))).sort();
}

export function readPage(page: string): string {
  return readFileSync(join(root, page), 'utf8');
}

/** The fenced blocks of a page in order. */
export function parseBlocks(page: string, text: string): Block[] {
  const lines = text.split('\n');
  const blocks: Block[] = [];
  let comment = '';
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? '';
    const fence = /^(`{3,})(\S*)(?: [^`]*)?$/.exec(line);
    if (fence === null) {
      comment = /^<!--\s*(.*?)\s*-->$/.exec(line)?.[1] ?? (line === '' ? comment : '');
      continue;
    }
    const end = lines.indexOf(fence[1] ?? '', i + 1);
    if (end < 0) throw new Error(`${page}:${i + 1}: the block has no end`);
    const content = lines.slice(i + 1, end).join('\n');
    blocks.push({ page, line: i + 1, language: fence[2] ?? '', text: content, comment });
    comment = '';
    i = end;
  }
  return blocks;
}

/** A page without what is quoted in it: fenced blocks and code spans. */
export function proseOf(text: string): string {
  return text.replaceAll(/^(`{3,})[^\n]*\n[\s\S]*?^\1$/gm, '').replaceAll(/`[^`\n]+`/g, '');
}

/** The anchors that a page's headings have on the usual forges. */
export function anchorsOf(text: string): string[] {
  const quoted = text.replaceAll(/^(`{3,})[^\n]*\n[\s\S]*?^\1$/gm, '');
  const anchors: string[] = [];
  for (const [, heading = ''] of quoted.matchAll(/^#{1,6} (.+)$/gm)) {
    const anchor = heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
    const same = anchors.filter((other) => other === anchor || other.startsWith(`${anchor}-`)).length;
    anchors.push(anchors.includes(anchor) ? `${anchor}-${same}` : anchor);
  }
  return anchors;
}
