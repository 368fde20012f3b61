/** The lines of a console block that a reader would type: those that begin with `$ `. */
export function commandsOf(text: string): string {
  return text
    .split('\n')
    .filter((line) => line.startsWith('$ '))
    .map((line) => line.slice(2))
    .join('\n');
}

/**
 * What a console block says is printed: its other lines in this order, with anything between them, and `…` for
 * anything within a line.
 */
export function outputPattern(text: string): RegExp {
  const lines = text.split('\n').filter((line) => !line.startsWith('$ ') && line !== '…');
  const patterns = lines.map((line) => quotePattern(line).replaceAll('…', '.*'));
  return new RegExp(`^${patterns.join('\\n(?:.*\\n)*?')}$`, 'm');
}

function quotePattern(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
