import type { Progress } from '#export';
import { formatBytes, formatCount, formatDuration } from '../numbers.ts';

/** What a terminal can show. */
export interface Terminal {
  readonly columns: number;
  /** Whether it draws lines, each as wide as a letter. */
  readonly lines: boolean;
  readonly color: boolean;
}

const VERBS: Record<Progress['stage'], string> = {
  read: 'reading',
  pack: 'packing',
  send: 'sending',
  check: 'checking',
  fetch: 'fetching',
};

/** What the environment tells of a terminal of so many columns. */
export function terminalOf(columns: number, env: Readonly<Record<string, string | undefined>>): Terminal {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  // Where these languages are written, lines may be as wide as two letters.
  const lines = /utf-?8/i.test(locale) && !/^(?:ja|ko|zh)/i.test(locale);
  return { columns, lines, color: !env['NO_COLOR'] };
}

/** Progress in words, for a log. */
export function describeProgress(progress: Progress, rate: number | undefined): string {
  return `${VERBS[progress.stage]} ${details(progress, rate).join(', ')}`;
}

/**
 * Progress on one line of a terminal, which it never fills: a bar and a percentage where the end is known, then as many
 * of the details as fit.
 */
export function drawProgress(progress: Progress, rate: number | undefined, terminal: Terminal): string {
  const { stage, done, total } = progress;
  const verb = VERBS[stage];
  const room = terminal.columns - 1;
  const words = details(progress, rate);
  if (total === undefined || total <= 0) return cut(`${verb} ${asManyAsFit(words, room - verb.length - 1)}`, room);
  const part = Math.min(done / total, 1);
  const percent = ` ${String(Math.floor(part * 100)).padStart(3)} %`;
  const width = terminal.columns >= 120 ? 30 : terminal.columns >= 100 ? 20 : 10;
  const taken = verb.length + 1 + width + percent.length;
  if (taken > room) return cut(`${verb}${percent}`, room);
  const text = asManyAsFit(words, room - taken - 2);
  return `${verb} ${drawBar(part, width, terminal)}${percent}${text === '' ? '' : `  ${text}`}`;
}

/** In the order in which they matter. */
function details({ done, total, unit, underWay }: Progress, rate: number | undefined): string[] {
  const amount = unit === 'bytes' ? formatBytes : formatCount;
  const noun = unit === 'bytes' ? '' : ` ${unit}`;
  const words = [`${amount(done)}${total === undefined ? '' : ` of ${amount(total)}`}${noun}`];
  if (rate !== undefined) words.push(`${amount(Math.round(rate))}${noun}/s`);
  if (rate !== undefined && total !== undefined && total > done) {
    words.push(`${formatDuration((total - done) / rate)} left`);
  }
  if (underWay !== undefined && underWay > 1) words.push(`${underWay} under way`);
  return words;
}

function asManyAsFit(words: readonly string[], room: number): string {
  let text = '';
  for (const word of words) {
    const longer = text === '' ? word : `${text}, ${word}`;
    if (longer.length > room) break;
    text = longer;
  }
  return text;
}

function drawBar(part: number, width: number, { lines, color }: Terminal): string {
  const halves = Math.floor(part * width * 2);
  const full = Math.floor(halves / 2);
  const half = lines && halves % 2 === 1 ? '╸' : '';
  const done = (lines ? '━' : '#').repeat(full) + half;
  const rest = (lines ? '─' : '.').repeat(width - full - half.length);
  return color && done !== '' ? `\x1b[36m${done}\x1b[39m${rest}` : `${done}${rest}`;
}

/** Text that is no wider than so many columns; letters of many scripts take two. */
export function cut(text: string, columns: number): string {
  let width = 0;
  let end = 0;
  for (const letter of text) {
    width += (letter.codePointAt(0) as number) >= 0x1100 ? 2 : 1;
    if (width > columns) return text.slice(0, end);
    end += letter.length;
  }
  return text;
}
