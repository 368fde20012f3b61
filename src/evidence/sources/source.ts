/** A file of a source, whatever the source is. */
export interface SourceFile {
  /** Relative to the source, with forward slashes; the base name when the source is one file. */
  readonly name: string;
  /** Size in bytes. */
  readonly size: number;
  /** Whether it has to be JSON by its name or its place; if not, its content tells. */
  readonly isJson: boolean;
  /** The content; call it at most once, before asking for the next file. Valid only until then. */
  read(): Promise<Uint8Array>;
}

/** Something in a source that is no file and is passed over. */
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
  /** Files in an order that the source fixes, with what is passed over among them. */
  files(): AsyncIterable<SourceFile | PassedOver>;
  close(): Promise<void>;
}

const JSON_NAME = /\.json$/i;

/** Whether a file has to be JSON by its name. */
export function isJsonName(name: string): boolean {
  return JSON_NAME.test(name);
}

/** Largest record in bytes. */
export const maxRecordBytes = 16 * 1024 * 1024;
