import { run } from './run.ts';

const interrupt = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    // A second request means now: what a run leaves behind at any moment, the next run repairs.
    if (interrupt.signal.aborted) process.exit(130);
    interrupt.abort(name);
  });
}

// A reader that has seen enough, such as `head`, is no failure of ours. A result is written once all has succeeded;
// what goes to stderr may be on its way to a failure, whose status must not be lost.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

process.exitCode = await run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: process.env,
  terminal: process.stderr.isTTY === true && process.env['TERM'] !== 'dumb',
  signal: interrupt.signal,
});
