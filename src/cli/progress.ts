import type { Progress, ProgressListener } from '#export';
import type { Io } from './io.ts';
import { formatBytes, formatCount, formatDuration } from './numbers.ts';
import { oneLine } from './one-line.ts';

const VERBS: Record<Progress['stage'], string> = {
  read: 'reading',
  pack: 'packing',
  send: 'sending',
  check: 'checking',
  fetch: 'fetching',
};

const REDRAW_MS = 100;
const QUIET_MS = 500;
/** Where there is no terminal, a line now and then tells a log how far it is. */
const LOG_MS = 30_000;
/** Shorter waits are not worth a word. */
const TOLD_WAIT_MS = 1000;

/** One line at the bottom of a terminal that says what is under way, how fast, and how long it will take. */
export interface ProgressLine {
  readonly listen: ProgressListener;
  /** Says that a registry wants to be left alone for a while, and why. */
  readonly wait: (wait: { readonly host: string; readonly waitMs: number; readonly reason: string }) => void;
  /** Says what a registry wants its users to know, once. */
  readonly warn: (warning: { readonly host: string; readonly text: string }) => void;
  /** Removes the line, so that other text can follow. */
  clear(): void;
}

/** A progress line on a terminal; elsewhere whole lines, seldom; nothing when the user wants quiet. */
export function createProgressLine(io: Io, quiet: boolean, now: () => number = () => performance.now()): ProgressLine {
  if (quiet) return { listen: () => undefined, wait: () => undefined, warn: () => undefined, clear: () => undefined };
  const { terminal } = io;
  let stage: Progress['stage'] | undefined;
  let [startedAt, drawnAt] = [now(), now()];
  let shown = false;
  const write = (text: string) => {
    drawnAt = now();
    shown = terminal;
    io.stderr.write(terminal ? `\r\x1b[K${text}` : `${text}\n`);
  };
  const clear = () => {
    if (shown) io.stderr.write('\r\x1b[K');
    shown = false;
  };
  const listen = (progress: Progress) => {
    const at = now();
    if (progress.stage !== stage) [stage, startedAt] = [progress.stage, at];
    if (at - startedAt < QUIET_MS || at - drawnAt < (terminal ? REDRAW_MS : LOG_MS)) return;
    write(describeProgress(progress, (at - startedAt) / 1000));
  };
  const wait: ProgressLine['wait'] = ({ host, waitMs, reason }) => {
    if (waitMs >= TOLD_WAIT_MS) write(`waiting ${formatDuration(waitMs / 1000)} for ${host}: ${reason}`);
  };
  const told = new Set<string>();
  const warn: ProgressLine['warn'] = ({ host, text }) => {
    const line = `warning: ${host}: ${oneLine(text)}\n`;
    // A copy may talk to one host in several sessions.
    if (told.has(line)) return;
    told.add(line);
    clear();
    io.stderr.write(line);
  };
  return { listen, wait, warn, clear };
}

/** One line of progress, `seconds` after the stage began. @internal Tested by itself. */
export function describeProgress({ stage, done, total, unit }: Progress, seconds: number): string {
  const amount = unit === 'bytes' ? formatBytes : formatCount;
  const rate = seconds > 0 ? done / seconds : 0;
  const parts = [
    `${VERBS[stage]} ${amount(done)}${total === undefined ? '' : ` of ${amount(total)}`}${unit === 'bytes' ? '' : ` ${unit}`}`,
  ];
  if (rate > 0) parts.push(`${amount(Math.round(rate))}${unit === 'bytes' ? '' : ` ${unit}`}/s`);
  if (rate > 0 && total !== undefined && total > done) parts.push(`${formatDuration((total - done) / rate)} left`);
  return parts.join(', ');
}
