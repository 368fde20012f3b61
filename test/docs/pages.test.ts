import { basename } from 'node:path';
import { expect, test } from 'vitest';
import { errorCodes, exitStatusOf, mediaTypes, parseJson } from '#core';
import { checkExportIndex } from '../../src/artifacts/json/export-index.generated.ts';
import { checkExportManifest } from '../../src/export/export-manifest.generated.ts';
import { listPages, parseBlocks, readPage } from './markdown.ts';

const formats = readPage('docs/FORMATS.md');

/** The cells of a page's table rows, without the ones of a header. */
function rowsOf(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('| '));
  return lines.map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}

test('every error code has a row with its exit status, a meaning and a next step', () => {
  const rows = rowsOf(formats).filter(([code]) => code?.startsWith('`ERR_'));
  expect(rows.map(([code]) => code).sort()).toEqual(errorCodes.map((code) => `\`${code}\``).sort());
  for (const [code = '', exit, meaning = '', step = ''] of rows) {
    expect(Number(exit), code).toBe(exitStatusOf(code.slice(1, -1) as (typeof errorCodes)[number]));
    expect(Math.min(meaning.length, step.length), code).toBeGreaterThan(10);
  }
});

test('every media type has a row', () => {
  const rows = rowsOf(formats).map(([type]) => type);
  for (const type of Object.values(mediaTypes)) expect(rows).toContain(`\`${type}\``);
});

test('every example of a document conforms to its schema', () => {
  const checks = { 'export-index': checkExportIndex, 'export-manifest': checkExportManifest };
  const examples = listPages('docs/*.md', 'docs/**/*.md')
    .flatMap((page) => parseBlocks(page, readPage(page)))
    .filter(({ comment }) => comment.startsWith('schema: '));
  expect(examples.length).toBeGreaterThan(0);
  for (const { comment, text, page } of examples) {
    const name = comment.slice('schema: '.length) as keyof typeof checks;
    checks[name](parseJson(Buffer.from(text), page), page);
  }
});

test('every decision is short, dated, and says what is given up', () => {
  const decisions = listPages('docs/adr/0*.md');
  expect(decisions.map((page) => basename(page).slice(0, 4))).toEqual(
    decisions.map((_, i) => String(i + 1).padStart(4, '0')),
  );
  const index = readPage('docs/adr/README.md');
  for (const page of decisions) {
    expect(index).toContain(`[${/^# \d+\. (.*)$/m.exec(readPage(page))?.[1]}](${basename(page)})`);
    const text = readPage(page);
    expect(text.split('\n').length - 1, page).toBeLessThanOrEqual(60);
    expect(text, page).toMatch(new RegExp(`^# ${Number(basename(page).slice(0, 4))}\\. .+\n\n\\w+, 20\\d\\d-\\d\\d`));
    expect(text, page).toMatch(/^## Trade-offs\n\n\S/m);
  }
});

test('DESIGN.md has diagrams of the packages and of the main flow', () => {
  const drawings = parseBlocks('docs/DESIGN.md', readPage('docs/DESIGN.md')).filter(
    ({ language }) => language === 'mermaid',
  );
  expect(drawings.map(({ text }) => text.split('\n')[0])).toEqual(['flowchart LR', 'flowchart TD']);
});
