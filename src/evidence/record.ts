import type { Digest, ErrorCode, Instant } from '#core';

/** The classes of evidence that have a format here. */
export type RecordClass = 'advisories' | 'vex';

/** One advisory or VEX document, in canonical bytes. */
export interface EvidenceRecord {
  readonly class: RecordClass;
  /** The name of the format that it was recognised as. */
  readonly format: string;
  /** Unique within the class. OSV: its id. OpenVEX: `openvex/` and the hex SHA-256 of the canonical bytes. */
  readonly key: string;
  /** Canonical JSON (RFC 8785) without a line end. */
  readonly bytes: Uint8Array;
  /** SHA-256 of `bytes`. */
  readonly digest: Digest;
  /** Whether members of it depart from its format and were let pass (departuresOfAdvisory). */
  readonly departs: boolean;
}

/** A record that was not fit to be exported, and was withheld because the user asked for that. */
export interface WithheldRecord {
  /** Its id, else `sha256:` of its bytes as they were found. */
  readonly record: string;
  readonly code: ErrorCode;
  /** RFC 6901; empty for the whole. */
  readonly pointer: string;
}

/** Where a withheld record was, for the user's eyes only: bundles know no files. */
export interface WithheldFile {
  readonly source: string;
  readonly name: string;
  /** As the entry for it in `withheld` has it. */
  readonly record: string;
}

/** Counts and a digest over one class: SHA-256 over `key NUL hex(digest) LF` of each record in byte order of key. */
export interface ClassSummary {
  readonly count: number;
  readonly digest: Digest;
}

/** A file or entry that is not a record, with the reason, for the user's eyes only. */
export interface IgnoredFile {
  readonly source: string;
  readonly name: string;
  readonly reason: string;
}

/** Records of a class by place among those kept: from this one on, and before that one. */
export interface RecordRange {
  readonly from: number;
  readonly to: number;
}

/** Records in files of a set, which stay until it is closed. Can be sent to another thread, but for `noteRead`. */
export interface SharedRecords {
  readonly recordClass: RecordClass;
  readonly files: readonly string[];
  /** Is to be told how many records the other thread has read, each time that it has read some. */
  readonly noteRead?: ((records: number) => void) | undefined;
}

/**
 * The selected records of all sources, each key once, in byte order of key. Backed by memory while small and by
 * files in a work folder beyond that, so that memory stays flat.
 */
export interface RecordSet {
  readonly kept: number;
  /** Records that the selector left out, by the clause that left them out. */
  readonly leftOut: Readonly<Record<string, number>>;
  /** Kept although the severity clause could not judge them. */
  readonly unscored: number;
  /** In byte order of `record`. */
  readonly withheld: readonly WithheldRecord[];
  /** The files of `withheld`, up to a limit: more than that has where one record is met twice. */
  readonly withheldFiles: readonly WithheldFile[];
  readonly withheldFilesCount: number;
  /** The first of each source. */
  readonly ignored: readonly IgnoredFile[];
  readonly ignoredCount: number;
  /** The newest `modified` (OSV), `last_updated` or `timestamp` (OpenVEX) among the kept records. */
  readonly newest: Instant;
  /** The key of the record that has it, the first in byte order where there are several. */
  readonly newestRecord: string;
  readonly classes: Readonly<Partial<Record<RecordClass, ClassSummary>>>;
  /** Batches of a quarter of a mebibyte or so, in byte order of key; can be read several times, one after the other. */
  batches(recordClass: RecordClass, range?: RecordRange): AsyncIterable<readonly EvidenceRecord[]>;
  /**
   * Puts the records of a class into files, for another thread to read with readSharedRecords. Undefined, or absent,
   * where there are none to share.
   */
  share?(recordClass: RecordClass): Promise<SharedRecords | undefined>;
  /** Removes the files. */
  close(): Promise<void>;
}
