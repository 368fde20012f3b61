import { invalid } from '../faults.ts';
import { BLOCK, decodeHeader, decodeName, isZero, type TarHeader } from './header.ts';
import { decodePax, type PaxChanges } from './pax.ts';

/** Headers that only describe the next one: a long name, or a handful of pax records. In bytes. */
const MAX_EXTENSION = 1024 * 1024;

/** Before one entry: a pax header, a global one, a long name, and room for writers that repeat one. */
const MAX_EXTENSIONS_IN_A_ROW = 16;

/** The bytes of a tar in their order; `ByteReader` gives those of a stream, `FileBytes` those of a file. */
export interface TarBytes {
  /** The next `length` bytes if they are at hand: a view, good until the next call. */
  takeNow(length: number): Uint8Array | undefined;
  /** The next `length` bytes, or all that is left when the archive ends before; good until the next call. */
  take(length: number): Promise<Uint8Array>;
  /** Passes over `length` bytes; the number of bytes that were missing. */
  skip(length: number): Promise<number>;
  /** Whether every byte to the end is 0. */
  restIsZero(): Promise<boolean>;
}

/**
 * The entries' headers of a tar, with what the extended headers of pax and GNU before each one change (POSIX.1-2017
 * pax, "pax Header Block"; GNU types K and L).
 */
export class EntryHeaders {
  readonly #bytes: TarBytes;
  readonly #path: string;
  #current = '';
  /** Bytes of the current entry, with the zeros that fill its last block, that are still to come. */
  #left = 0;

  constructor(bytes: TarBytes, path: string) {
    this.#bytes = bytes;
    this.#path = path;
  }

  /**
   * The next entry, once what is left of the one before has been passed over; undefined at the end of the archive.
   *
   * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID
   */
  async next(): Promise<TarHeader | undefined> {
    let pax: PaxChanges = {};
    let gnu: PaxChanges = {};
    let changed = false;
    for (let count = 0; count <= MAX_EXTENSIONS_IN_A_ROW; count++) {
      await this.#skipRest();
      const block = this.#bytes.takeNow(BLOCK) ?? (await this.#bytes.take(BLOCK));
      if (block.length < BLOCK) throw this.truncated();
      if (isZero(block)) {
        if (changed) throw invalid(this.#path, 'an extended header at its end, for no entry');
        return await this.#finish();
      }
      const header = decodeHeader(block, this.#path);
      this.#begin(header.name, header.size);
      if (header.type === 'x') pax = { ...pax, ...decodePax(await this.#extension(header), this.#path) };
      else if (header.type === 'L') gnu = { ...gnu, path: await this.#longName(header) };
      else if (header.type === 'K') gnu = { ...gnu, link: await this.#longName(header) };
      else if (header.type === 'g') await this.#globalHeader(header);
      // As GNU tar has it: pax goes before a long name, whatever their order.
      else return this.#resolve(header, { ...gnu, ...pax });
      changed ||= header.type !== 'g';
    }
    throw invalid(this.#path, `more than ${MAX_EXTENSIONS_IN_A_ROW} extended headers before one entry`, this.#current);
  }

  /**
   * The next `length` bytes of the current entry's content; good until the next call.
   *
   * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID where the archive ends before them
   */
  async content(length: number): Promise<Uint8Array> {
    const bytes = this.#bytes.takeNow(length) ?? (await this.#bytes.take(length));
    if (bytes.length < length) throw this.truncated();
    this.#left -= length;
    return bytes;
  }

  /** The error for an archive that ends within the current entry. */
  truncated(): Error {
    return invalid(this.#path, 'the archive is truncated here', this.#current || undefined);
  }

  #begin(name: string, size: number): void {
    this.#current = name;
    this.#left = Math.ceil(size / BLOCK) * BLOCK;
  }

  /** Applies what extended headers said, and tells a folder by its slash as the oldest writers did. */
  #resolve(header: TarHeader, { path = header.name, size = header.size, link = header.link }: PaxChanges): TarHeader {
    const type = (header.type === '0' || header.type === '7') && path.endsWith('/') ? '5' : header.type;
    // Links and folders have no content, whatever their size field holds.
    const content = type === '0' || type === '7' ? size : 0;
    if (type === '5' && size !== 0) throw invalid(this.#path, 'a directory with content', path);
    this.#begin(path, content);
    return { name: path, size: content, type, mode: header.mode, link };
  }

  async #extension(header: TarHeader): Promise<Uint8Array> {
    if (header.size > MAX_EXTENSION) throw invalid(this.#path, `an extended header of ${header.size} bytes`);
    return await this.content(header.size);
  }

  async #longName(header: TarHeader): Promise<string> {
    const bytes = await this.#extension(header);
    return decodeName(bytes, 0, bytes.length);
  }

  /** git archive puts a comment there; a name or size for every entry has no honest use. */
  async #globalHeader(header: TarHeader): Promise<void> {
    const { path, size, link } = decodePax(await this.#extension(header), this.#path);
    if ((path ?? size ?? link) !== undefined) throw invalid(this.#path, 'a global header that renames entries');
  }

  async #skipRest(): Promise<void> {
    if (this.#left > 0 && this.#bytes.takeNow(this.#left) === undefined && (await this.#bytes.skip(this.#left)) > 0) {
      throw this.truncated();
    }
    this.#left = 0;
  }

  /** After the first zero block there must be a second, then nothing but zeros: else entries would go unseen. */
  async #finish(): Promise<undefined> {
    const second = await this.#bytes.take(BLOCK);
    if (second.length < BLOCK) throw this.truncated();
    if (!isZero(second) || !(await this.#bytes.restIsZero())) {
      throw invalid(this.#path, 'trailing bytes, perhaps a second archive was appended');
    }
    return undefined;
  }
}
