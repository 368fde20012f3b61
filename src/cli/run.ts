import { CommanderError } from 'commander';
import { CodedError, isCoded } from '#core';
import { type OutputFormat, reportFailure } from './failure.ts';
import type { Io } from './io.ts';
import { createProgram } from './program.ts';

/** Runs one command line and gives its exit status. Never throws, never ends the process. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const program = createProgram(io);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    return await reportFailure(io.signal.aborted ? interrupted(error) : usageError(error), io, formatAskedFor(args));
  }
}

/** Whatever fails after the signal fails because of it; what is half done and can go on says so itself. */
function interrupted(error: unknown): CodedError {
  if (isCoded(error, 'ERR_EXPORT_INCOMPLETE', 'ERR_EXPORT_INTERRUPTED')) return error;
  return new CodedError('ERR_EXPORT_INTERRUPTED', 'interrupted', {
    hint: 'run the same command again',
    cause: error,
  });
}

/** What commander refuses is a usage error like any other. */
function usageError(error: unknown): unknown {
  if (!(error instanceof CommanderError)) return error;
  const message = error.message.replace(/^error: /, '');
  return new CodedError('ERR_EXPORT_USAGE', message === '(outputHelp)' ? 'no command given' : message, {
    hint: 'see export-center --help',
    cause: error,
  });
}

/** Errors of the command line itself come before its options are known, so this looks at the words. */
function formatAskedFor(args: readonly string[]): OutputFormat {
  const at = args.lastIndexOf('--output');
  return (at >= 0 && args[at + 1] === 'json') || args.includes('--output=json') ? 'json' : 'text';
}
