import { setImmediate } from 'node:timers/promises';
import { fileError } from '#core';
import { reportFailure } from './failure.ts';
import type { Io } from './io.ts';
import { run } from './run.ts';

/** Runs the command line of this process, and sets its exit status. */
export async function start(): Promise<void> {
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
