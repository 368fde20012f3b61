import type { Row } from './row.ts';

/** Reads a run once, row by row, in order. */
export interface RunCursor {
  /** The next row; undefined at the end. Passes over the bytes of the row before when nobody read them. */
  next(): Promise<Row | undefined>;
  /** Copies the bytes of the record that `next` gave last to `target` at `offset`. At most once for each. */
  read(target: Uint8Array, offset: number): Promise<void>;
  close(): Promise<void>;
}

/** Sorted rows with their records, in memory or in files. */
export interface Run {
  /** How many times its records were merged; only runs of one level are merged with each other. */
  readonly level: number;
  open(): Promise<RunCursor>;
  remove(): Promise<void>;
}
