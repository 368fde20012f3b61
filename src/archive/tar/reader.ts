import { ByteReader } from '../byte-reader.ts';
import { NameSet } from '../entry-path.ts';
import { tooLarge, unsafe } from '../faults.ts';
import { type ArchiveLimits, Budget, defaultLimits } from '../limits.ts';
import type { ArchiveEntry, ArchiveFormat, ArchiveReader } from '../reader.ts';
import { admit } from './admit.ts';
import { EntryHeaders } from './entry-headers.ts';
import type { TarHeader } from './header.ts';

/** How much of a file is handed over at a time, in bytes. */
const PIECE = 256 * 1024;

/** Where a tar archive's bytes come from, unpacked where it is packed. */
export interface TarSource {
  readonly format: ArchiveFormat;
  /** A stream from the start, as often as it is asked for. */
  chunks(): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** A tar archive read from start to end; content that nobody reads is passed over as it streams by. */
export class TarReader implements ArchiveReader {
  readonly format: ArchiveFormat;
  readonly #source: TarSource;
  readonly #path: string;
  readonly #limits: ArchiveLimits;

  constructor(source: TarSource, path: string, limits: ArchiveLimits) {
    this.format = source.format;
    this.#source = source;
    this.#path = path;
    this.#limits = limits;
  }

  entries(): AsyncGenerator<ArchiveEntry, void, void> {
    return new TarPass(this.#source.chunks(), this.#path, this.#limits).entries();
  }

  async close(): Promise<void> {
    await this.#source.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** A file inside a tar stream that can be read without holding it in memory. */
export interface TarFile extends ArchiveEntry {
  /** Permission bits, as the archive has them. */
  readonly mode: number;
  /** Whether it is a folder, which has no content. */
  readonly isFolder: boolean;
  /** The content in pieces, instead of `read` and under the same rules; it has no limit of its own. */
  chunks(): AsyncIterable<Uint8Array>;
}

/**
 * The files of a tar stream, one after the other.
 *
 * @param name what the stream is called in errors
 * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID, ERR_EXPORT_ARCHIVE_UNSAFE, ERR_EXPORT_ARCHIVE_LIMIT
 */
export function decodeTar(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  limits: Partial<ArchiveLimits> = {},
): AsyncGenerator<TarFile, void, void> {
  return new TarPass(chunks, name, { ...defaultLimits, ...limits }).entries();
}

/** As decodeTar, with the folders of the archive among its files; the root folder has the path ''. */
export function decodeTarTree(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  limits: Partial<ArchiveLimits> = {},
): AsyncGenerator<TarFile, void, void> {
  return new TarPass(chunks, name, { ...defaultLimits, ...limits }).entries(true);
}

class TarPass {
  readonly #bytes: ByteReader;
  readonly #headers: EntryHeaders;
  readonly #path: string;
  readonly #limits: ArchiveLimits;
  readonly #budget: Budget;
  readonly #names = new NameSet();
  #unread: TarHeader | undefined;

  constructor(chunks: AsyncIterable<Uint8Array>, path: string, limits: ArchiveLimits) {
    this.#bytes = new ByteReader(chunks);
    this.#headers = new EntryHeaders(this.#bytes, path);
    this.#path = path;
    this.#limits = limits;
    this.#budget = new Budget(path, limits);
  }

  async *entries(folders = false): AsyncGenerator<TarFile, void, void> {
    try {
      for (let header = await this.#next(); header !== undefined; header = await this.#next()) {
        this.#budget.countEntry();
        const path = admit(header, this.#path);
        if (!this.#names.add(path)) throw unsafe(this.#path, 'duplicate name in the archive', path);
        const isFolder = header.type === '5';
        if (isFolder && !folders) continue;
        const entry = header;
        this.#unread = entry;
        const { size, mode } = entry;
        const read = () => this.#read(path, entry);
        yield { path, size, mode, isFolder, read, chunks: () => this.#chunks(entry) };
      }
    } finally {
      this.#unread = undefined;
      await this.#bytes.close();
    }
  }

  #next(): Promise<TarHeader | undefined> {
    this.#unread = undefined;
    return this.#headers.next();
  }

  async #read(path: string, header: TarHeader): Promise<Uint8Array> {
    this.#claim(header);
    const { size } = header;
    const { maxEntryBytes } = this.#limits;
    if (size > maxEntryBytes) throw tooLarge(this.#path, path, size, maxEntryBytes);
    return new Uint8Array(await this.#headers.content(size));
  }

  async *#chunks(header: TarHeader): AsyncGenerator<Uint8Array, void, void> {
    this.#claim(header);
    for (let left = header.size; left > 0; ) {
      const bytes = await this.#headers.content(Math.min(left, PIECE));
      left -= bytes.length;
      yield new Uint8Array(bytes);
    }
  }

  #claim(header: TarHeader): void {
    if (this.#unread !== header) throw new TypeError('read the entry once, and before asking for the next one');
    this.#unread = undefined;
  }
}
