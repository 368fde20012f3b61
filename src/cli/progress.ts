import type { Progress, ProgressListener } from '#export';
import type { Io } from './io.ts';
import { formatBytes, formatCount, formatDuration } from './numbers.ts';

const VERBS: Record<Progress['stage'], string> = {
  read: 'reading',
  pack: 'packing',
  send: 'sending',
  check: 'checking',
  fetch: 'fetching',
};

const REDRAW_MS = 100;
const QUIET_MS = 500;

/** One line at the bottom of a terminal that says what is under way, how fast, and how long it will take. */
export interface ProgressLine {
  readonly listen: ProgressListener;
  /** Removes the line, so that other text can follow. */
  clear(): void;
}

/** A progress line on a terminal; one that does nothing elsewhere, or when the user wants quiet. */
export function createProgressLine(io: Io, quiet: boolean, now: () => number = () => performance.now()): ProgressLine {
  if (!io.terminal || quiet) return { listen: () => undefined, clear: () => undefined };
  let stage: Progress['stage'] | undefined;
  let [startedAt, drawnAt] = [now(), 0];
  let shown = false;
  const clear = () => {
    if (shown) io.stderr.write('\r\x1b[K');
    shown = false;
  };
  const listen = (progress: Progress) => {
    const at = now();
    if (progress.stage !== stage) [stage, startedAt] = [progress.stage, at];
    if (at - startedAt < QUIET_MS || at - drawnAt < REDRAW_MS) return;
    drawnAt = at;
    shown = true;
    io.stderr.write(`\r\x1b[K${describeProgress(progress, (at - startedAt) / 1000)}`);
  };
  return { listen, clear };
}

/** One line of progress, `seconds` after the stage began. */
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
