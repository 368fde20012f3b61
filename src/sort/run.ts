/**
 * Reads sorted items once, one by one, in order. At once and without a promise, since there are several calls for each
 * item: what is in files was written a moment ago. Whoever reads many items pauses between them for others to get their
 * turn.
 */
export interface SortedCursor {
  /** The key of the item that it stands on. */
  readonly key: string;
  /** Bytes of that item's payload. */
  readonly size: number;
  /**
   * Goes to the next item; false at the end. A payload that nobody read is passed over.
   *
   * @throws CodedError as fileError
   */
  next(): boolean;
  /**
   * Copies the payload of the item that it stands on to `target` at `offset`. At most once for each.
   *
   * @throws CodedError as fileError
   */
  read(target: Uint8Array, offset: number): void;
  close(): Promise<void>;
}

/** Sorted items, in memory or in files. */
export interface Run {
  open(): Promise<SortedCursor>;
  remove(): Promise<void>;
}
