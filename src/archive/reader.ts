/** A file inside an archive. Folders are not entries; links and devices make the archive unsafe. */
export interface ArchiveEntry {
  /** Relative path with forward slashes, without `.` and empty segments; never leaves the archive's root. */
  readonly path: string;
  /** Bytes of content, as the archive promises them; `read` holds it to that. */
  readonly size: number;
  /**
   * The content, checked; the caller owns the bytes. Call it, once at most, before asking for the next entry:
   * an entry that is not read is skipped, which costs little.
   *
   * @throws CodedError ERR_EXPORT_RECORD_TOO_LARGE over `maxEntryBytes`, before any of it is held in memory
   * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID when the content is not what the archive promises
   */
  read(): Promise<Uint8Array>;
}

/** The containers that are read. */
export type ArchiveFormat = 'zip' | 'tar' | 'tar.gz' | 'tar.zst';

/** An open archive. Close it, or declare it with `await using`. */
export interface ArchiveReader extends AsyncDisposable {
  readonly format: ArchiveFormat;
  /**
   * The entries in the order in which the archive has them. Each call is a pass of its own from the start.
   *
   * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID, ERR_EXPORT_ARCHIVE_UNSAFE, ERR_EXPORT_ARCHIVE_LIMIT
   */
  entries(): AsyncIterable<ArchiveEntry>;
  close(): Promise<void>;
}
