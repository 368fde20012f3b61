import type { Progress, ProgressListener } from '#export';
import type { Io } from './io.ts';
import { formatDuration } from './numbers.ts';
import { oneLine } from './one-line.ts';
import { cut, describeProgress, drawProgress, terminalOf } from './progress/bar.ts';
import { RateMeter } from './progress/rate.ts';

const REDRAW_MS = 100;
const QUIET_MS = 500;
/** Where there is no terminal, a line now and then tells a log how far it is. */
const LOG_MS = 30_000;
/** Shorter waits are not worth a word. */
const TOLD_WAIT_MS = 1000;
const USUAL_COLUMNS = 80;

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
  if (quiet) return silent;
  return io.terminal ? onTerminal(io, now) : inLog(io, now);
}

/** Whole lines, also on a terminal: for commands that write their results at any time, and have nothing to draw. */
export function createNotes(io: Io, quiet: boolean): ProgressLine {
  return quiet ? silent : inLog(io, () => performance.now());
}

const silent: ProgressLine = {
  listen: () => undefined,
  wait: () => undefined,
  warn: () => undefined,
  clear: () => undefined,
};

function onTerminal({ stderr, env }: Io, now: () => number): ProgressLine {
  let shown = false;
  const terminal = () => terminalOf(stderr.columns || USUAL_COLUMNS, env);
  const draw = (text: string) => {
    shown = true;
    // Over what is there, and then the rest: nothing is empty in between.
    stderr.write(`\r${text}\x1b[K`);
  };
  const clear = () => {
    if (shown) stderr.write('\r\x1b[K');
    shown = false;
  };
  const paced = pace(now, REDRAW_MS, (progress, rate) => draw(drawProgress(progress, rate, terminal())));
  const wait: ProgressLine['wait'] = (wait) => {
    if (wait.waitMs >= TOLD_WAIT_MS) draw(cut(describeWait(wait), terminal().columns - 1));
  };
  const warn = onceEach((line) => {
    clear();
    stderr.write(line);
  });
  return { listen: paced, wait, warn, clear };
}

function inLog({ stderr }: Io, now: () => number): ProgressLine {
  const say = (text: string) => void stderr.write(`${text}\n`);
  const wait: ProgressLine['wait'] = (wait) => {
    if (wait.waitMs >= TOLD_WAIT_MS) say(describeWait(wait));
  };
  const listen = pace(now, LOG_MS, (progress, rate) => say(describeProgress(progress, rate)));
  return { listen, wait, warn: onceEach((line) => void stderr.write(line)), clear: () => undefined };
}

/** Lets progress through once a stage takes time, and then now and again, with how fast it goes. */
function pace(
  now: () => number,
  everyMs: number,
  show: (progress: Progress, rate: number | undefined) => void,
): ProgressLine['listen'] {
  let stage: Progress['stage'] | undefined;
  let meter = new RateMeter();
  let [startedAt, shownAt] = [now(), now()];
  return (progress) => {
    const at = now();
    if (progress.stage !== stage) {
      [stage, startedAt] = [progress.stage, at];
      meter = new RateMeter();
    }
    meter.note(progress.done, at);
    if (at - startedAt < QUIET_MS || at - shownAt < everyMs) return;
    shownAt = at;
    show(progress, meter.rate(progress.done, at));
  };
}

function onceEach(write: (line: string) => void): ProgressLine['warn'] {
  const told = new Set<string>();
  return ({ host, text }) => {
    const line = `warning: ${host}: ${oneLine(text)}\n`;
    // A copy may talk to one host in several sessions.
    if (told.has(line)) return;
    told.add(line);
    write(line);
  };
}

function describeWait({ host, waitMs, reason }: Parameters<ProgressLine['wait']>[0]): string {
  return `waiting ${formatDuration(waitMs / 1000)} for ${host}: ${oneLine(reason)}`;
}
