/**
 * Text from elsewhere, such as the name of a file in an archive, as it may stand on a line of a terminal: controls and
 * invisible characters, which terminals obey, are spelled out.
 */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (char) => {
    const code = (char.codePointAt(0) as number).toString(16);
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
  });
}

/** Lines of a result for a person, whatever stands in them: each is one line, and ends as one. */
export function asLines(lines: readonly string[]): string {
  return lines.map((line) => `${oneLine(line)}\n`).join('');
}

/** One line of a table, its cells apart by tabs, of which none is in a cell. */
export function asRow(cells: readonly (string | number)[]): string {
  return `${cells.map((cell) => oneLine(String(cell))).join('\t')}\n`;
}
