import { writeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import type { Io } from './io.ts';
import { packageVersion } from './version.ts';

/** Answers `--version` without the rest of the program, whose loading would take longer. */
function tellVersion(): boolean {
  try {
    writeSync(1, `${packageVersion()}\n`);
    return true;
  } catch {
    // A full disk, or a reader that has gone: how that ends is decided in one place.
    return false;
  }
}

/** Runs the command line of this process, and sets its exit status. */
async function start(): Promise<void> {
  const [{ fileError }, { reportFailure }, { run }] = await Promise.all([
    import('#core'),
    import('./failure.ts'),
    import('./run.ts'),
  ]);
  const terminal = process.stderr.isTTY === true && process.env['TERM'] !== 'dumb';
  const interrupt = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      // A second request means now: what a run leaves behind at any moment, the next run repairs.
      if (interrupt.signal.aborted) {
        // The line of progress would stay.
        if (terminal) process.stderr.write('\r\x1b[K');
        process.exit(130);
      }
      interrupt.abort(name);
    });
  }

  // A reader that has seen enough of a text, such as `head`, is no failure of ours; a result that cannot be kept, on a full
  // disk, is, and so is an archive that nobody read to its end.
  let lost: unknown;
  let carriesArchive = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Texts are written once all has succeeded.
    if (error.code === 'EPIPE' && !carriesArchive) process.exit(0);
    lost ??= error;
  });
  // Where nobody can be told, the status still says it.
  process.stderr.on('error', () => undefined);

  const io: Io = {
    stdout: process.stdout,
    archiveOut: () => {
      carriesArchive = true;
      return process.stdout;
    },
    stderr: process.stderr,
    stdin: process.stdin,
    env: process.env,
    terminal,
    signal: interrupt.signal,
  };
  const status = await run(process.argv.slice(2), io);
  // What became of a help text, for which nobody waits, is known a moment later.
  await setImmediate();
  const failed = status === 0 && lost !== undefined;
  process.exitCode = failed ? await reportFailure(fileError(lost, 'the output'), io, 'text') : status;
}

const [first, ...more] = process.argv.slice(2);
const isVersion = (first === '--version' || first === '-V') && more.length === 0;
if (!(isVersion && tellVersion())) await start();
