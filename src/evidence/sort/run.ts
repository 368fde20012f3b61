import type { Row } from './row.ts';

/**
 * Reads a run once, row by row, in order. At once and without a promise, since there are several calls for each record:
 * what is in files was written a moment ago. Whoever reads many rows pauses between them for others to get their turn.
 */
export interface RunCursor {
  /** The next row; undefined at the end. Passes over the bytes of the row before when nobody read them. */
  next(): Row | undefined;
  /** Copies the bytes of the record that `next` gave last to `target` at `offset`. At most once for each. */
  read(target: Uint8Array, offset: number): void;
  close(): Promise<void>;
}

/** Sorted rows with their records, in memory or in files. */
export interface Run {
  /** How many times its records were merged; only runs of one level are merged with each other. */
  readonly level: number;
  open(): Promise<RunCursor>;
  remove(): Promise<void>;
}
