/** A file of a source, whatever the source is. */
export interface SourceFile {
  /** Relative to the source, with forward slashes; the base name when the source is one file. */
  readonly name: string;
  /** Size in bytes, as it lies there. */
  readonly size: number;
  /** The content; call it at most once, before asking for the next file. Valid only until then. */
  read(): Promise<Uint8Array>;
  /** The content in pieces, in place of `read` and under the same rules; undefined where it can be had whole only. */
  chunks?(): AsyncIterable<Uint8Array>;
  /** Whether its digest was compared with a list that lies beside it. */
  readonly isListed?: boolean;
}

/** Something in a source that is passed over. */
export interface PassedOver {
  readonly name: string;
  readonly reason: string;
}

/** An open source. */
export interface Source {
  /** The path as the user gave it. */
  readonly path: string;
  /** Whether it is one file, which then needs no name within it. */
  readonly isFile: boolean;
  /** Size in bytes of the archive that its files lie in; undefined where they lie in a folder. */
  readonly archiveBytes?: number;
  /** Files in an order that the source fixes, with what is passed over among them. */
  files(): AsyncIterable<SourceFile | PassedOver>;
  close(): Promise<void>;
}

/** Largest record in bytes. */
export const maxRecordBytes = 16 * 1024 * 1024;
