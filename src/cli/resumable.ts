import { CodedError } from '#core';
import type { Io } from './io.ts';

/** Runs work that goes on where it stopped when it is run again, and lets an interruption say so. */
export async function resumable<T>(io: Io, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!io.signal.aborted) throw cause;
    throw new CodedError('ERR_EXPORT_INCOMPLETE', 'interrupted before it was complete', {
      hint: 'run the same command again: it resumes where it stopped',
      cause,
    });
  }
}
