import { overLimit } from './faults.ts';

/** What a hostile archive may cost at most. */
export interface ArchiveLimits {
  /** Largest entry that `read` gives, in bytes. */
  readonly maxEntryBytes: number;
  /** Most bytes that all content together may unpack to. */
  readonly maxTotalBytes: number;
  /** Most bytes unpacked for one byte packed, beyond an allowance of a mebibyte an entry and 16 MiB an archive. */
  readonly maxRatio: number;
  /** Most entries, folders included. */
  readonly maxEntries: number;
}

const MIB = 1024 * 1024;

/** Far above every honest archive of records that is known, far below what hurts. */
export const defaultLimits: ArchiveLimits = {
  maxEntryBytes: 16 * MIB,
  maxTotalBytes: 64 * 1024 * MIB,
  maxRatio: 200,
  maxEntries: 5_000_000,
};

/** Deflate reaches 1,032:1 on runs of one byte, so small content may exceed any ratio innocently. */
const ENTRY_ALLOWANCE = MIB;
const ARCHIVE_ALLOWANCE = 16 * MIB;

/** Counts what one pass over an archive costs, and ends it where a limit is reached. */
export class Budget {
  readonly #archive: string;
  readonly #limits: ArchiveLimits;
  #entries = 0;

  constructor(archive: string, limits: ArchiveLimits) {
    this.#archive = archive;
    this.#limits = limits;
  }

  /** @throws CodedError ERR_EXPORT_ARCHIVE_LIMIT when there are too many */
  countEntry(): void {
    if (++this.#entries > this.#limits.maxEntries) {
      throw overLimit(this.#archive, `more than ${this.#limits.maxEntries} entries`);
    }
  }

  /** @throws CodedError ERR_EXPORT_ARCHIVE_LIMIT when `packed` bytes cannot honestly hold `unpacked` bytes */
  checkEntryRatio(entry: string, packed: number, unpacked: number): void {
    if (unpacked > ENTRY_ALLOWANCE && unpacked > packed * this.#limits.maxRatio) {
      const what = `${packed} bytes unpack to ${unpacked}, more than ${this.#limits.maxRatio} times as many`;
      throw overLimit(this.#archive, what, entry);
    }
  }

  /** @throws CodedError ERR_EXPORT_ARCHIVE_LIMIT when the sums over the archive so far exceed a limit */
  checkTotal(packed: number, unpacked: number): void {
    const { maxTotalBytes, maxRatio } = this.#limits;
    if (unpacked > maxTotalBytes) throw overLimit(this.#archive, `it unpacks to more than ${maxTotalBytes} bytes`);
    if (unpacked > ARCHIVE_ALLOWANCE + packed * maxRatio) {
      throw overLimit(this.#archive, `it unpacks to more than ${maxRatio} times its size`);
    }
  }
}
