/** What is known of a record without its bytes. */
export interface Row {
  readonly key: string;
  /** Hex SHA-256 of the canonical bytes. */
  readonly hex: string;
  /** What the selector said; see verdict.ts. */
  readonly verdict: number;
  /** Where it was found, for an error. */
  readonly place: string;
  /** Size of the stored bytes; 0 when the record is left out and its bytes were not stored. */
  readonly size: number;
}

/** Reads a run once, row by row, in order. */
export interface RunCursor {
  /** The next row; undefined at the end. Skips the bytes of the row before when nobody read them. */
  next(): Promise<Row | undefined>;
  /** Copies the bytes of the row that `next` gave last to `target` at `offset`. At most once per row. */
  read(target: Uint8Array, offset: number): Promise<void>;
  close(): Promise<void>;
}

/** Sorted rows with their bytes, in memory or in files. */
export interface Run {
  /** How many times its records were merged; only runs of one level are merged with each other. */
  readonly level: number;
  open(): Promise<RunCursor>;
  remove(): Promise<void>;
}
