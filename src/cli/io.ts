import type { Readable, Writable } from 'node:stream';
import { CodedError, fileError, isSystemError } from '#core';

/** The world as a command sees it, so that tests can be that world. */
export interface Io {
  /** Results, and nothing else. */
  readonly stdout: Writable;
  /**
   * Standard output for an artifact itself: from then on a reader that goes away has lost it, which is a failure; of a
   * text it may have seen enough.
   */
  archiveOut(): Writable;
  /** Everything that is not a result. */
  readonly stderr: Writable & { readonly columns?: number };
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(on: boolean): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether stderr is a terminal, so that progress may be drawn. */
  readonly terminal: boolean;
  /** Aborted by Ctrl-C or a request to terminate. */
  readonly signal: AbortSignal;
}

/**
 * Writes text and waits until the stream has taken it. Where nobody reads any more, that is no failure.
 *
 * @throws CodedError ERR_EXPORT_DISK_FULL, ERR_EXPORT_IO
 */
export function writeText(stream: Writable, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => {
      if (error && !isSystemError(error, 'EPIPE')) reject(fileError(error, 'the output'));
      else resolve();
    });
  });
}

/** Waits until the user or the system asks the program to stop. */
export function untilInterrupted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

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
