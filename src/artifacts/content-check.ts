/**
 * Holds the files of an artifact against what its export manifest says of them. Files come one after the other, in
 * byte order of title; digest and size of each are checked by the stream that is handed in.
 */
export interface ContentCheck {
  /**
   * Reads one file to its end.
   *
   * @throws CodedError ERR_EXPORT_CONTENT_MISMATCH when it does not hold what it should
   */
  file(title: string, chunks: AsyncIterable<Uint8Array>): Promise<void>;
  /**
   * Settles what only all files together can show.
   *
   * @throws CodedError ERR_EXPORT_CONTENT_MISMATCH
   */
  end(): Promise<void>;
}
