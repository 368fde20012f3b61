import { ByteReader } from '../byte-reader.ts';
import { checkPath, NameSet } from '../entry-path.ts';
import { invalid, tooLarge, unsafe } from '../faults.ts';
import { type ArchiveLimits, Budget, defaultLimits } from '../limits.ts';
import type { ArchiveEntry, ArchiveFormat, ArchiveReader } from '../reader.ts';
import { BLOCK, decodeHeader, decodeName, isZero, type TarHeader } from './header.ts';
import { decodePax, type PaxChanges } from './pax.ts';

/** Headers that only describe the next one: a long name, or a handful of pax records. */
const MAX_EXTENSION = 1024 * 1024;

/** Before one entry: a pax header, a global one, a long name, and room for writers that repeat one. */
const MAX_EXTENSIONS_IN_A_ROW = 16;

/** How much of a file is handed over at a time, in bytes. */
const PIECE = 256 * 1024;

const LINKS_AND_DEVICES: Readonly<Record<string, string>> = {
  '1': 'a hard link',
  '2': 'a symbolic link',
  '3': 'a device',
  '4': 'a device',
  '6': 'a named pipe',
  K: 'a link with a long name',
};

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
  readonly #path: string;
  readonly #limits: ArchiveLimits;
  readonly #budget: Budget;
  readonly #names = new NameSet();
  #current = '';
  /** Bytes of the current entry, with the zeros that fill its last block, that are still to come. */
  #left = 0;
  #unread: TarHeader | undefined;

  constructor(chunks: AsyncIterable<Uint8Array>, path: string, limits: ArchiveLimits) {
    this.#bytes = new ByteReader(chunks);
    this.#path = path;
    this.#limits = limits;
    this.#budget = new Budget(path, limits);
  }

  async *entries(folders = false): AsyncGenerator<TarFile, void, void> {
    try {
      for (let header = await this.#next(); header !== undefined; header = await this.#next()) {
        const path = this.#admit(header);
        const isFolder = header.type === '5';
        if (isFolder && !folders) continue;
        this.#unread = header;
        const { size, mode } = header;
        const read = () => this.#read(path, header);
        yield { path, size, mode, isFolder, read, chunks: () => this.#chunks(header) };
      }
    } finally {
      this.#unread = undefined;
      await this.#bytes.close();
    }
  }

  /** The next header that stands for a file or folder, with what extended headers before it change. */
  async #next(): Promise<TarHeader | undefined> {
    let changes: PaxChanges = {};
    let changed = false;
    for (let count = 0; count <= MAX_EXTENSIONS_IN_A_ROW; count++) {
      await this.#skipRest();
      const block = this.#bytes.takeNow(BLOCK) ?? (await this.#bytes.take(BLOCK));
      if (block.length < BLOCK) throw this.#cut();
      if (isZero(block)) {
        if (changed) throw invalid(this.#path, 'an extended header at its end, for no entry');
        return await this.#finish();
      }
      const header = decodeHeader(block, this.#path);
      this.#begin(header.name, header.size);
      if (header.type === 'x') changes = { ...changes, ...decodePax(await this.#extension(header), this.#path) };
      else if (header.type === 'L') changes = { ...changes, path: await this.#longName(header) };
      else if (header.type === 'g') await this.#globalHeader(header);
      else return this.#resolve(header, changes);
      changed ||= header.type !== 'g';
    }
    throw invalid(this.#path, `more than ${MAX_EXTENSIONS_IN_A_ROW} extended headers before one entry`, this.#current);
  }

  #begin(name: string, size: number): void {
    this.#current = name;
    this.#left = Math.ceil(size / BLOCK) * BLOCK;
  }

  /** Applies what extended headers said, and tells a folder by its slash as the oldest writers did. */
  #resolve(header: TarHeader, { path = header.name, size = header.size }: PaxChanges): TarHeader {
    const type = (header.type === '0' || header.type === '7') && path.endsWith('/') ? '5' : header.type;
    // Links and folders have no content, whatever their size field holds.
    const content = type === '0' || type === '7' ? size : 0;
    if (type === '5' && size !== 0) throw invalid(this.#path, 'a folder with content', path);
    this.#begin(path, content);
    return { name: path, size: content, type, mode: header.mode };
  }

  #admit(header: TarHeader): string {
    this.#budget.countEntry();
    const { name, type } = header;
    const kind = LINKS_AND_DEVICES[type];
    if (kind !== undefined) throw unsafe(this.#path, kind, name);
    if (type !== '0' && type !== '7' && type !== '5') {
      throw invalid(this.#path, `unsupported entry type ${JSON.stringify(type)}`, name);
    }
    const path = checkPath(name, this.#path);
    if (path === '' && type !== '5') throw invalid(this.#path, 'no name', name);
    if (!this.#names.add(path)) throw unsafe(this.#path, 'duplicate name in the archive', path);
    return path;
  }

  async #read(path: string, header: TarHeader): Promise<Uint8Array> {
    if (this.#unread !== header) throw new TypeError('read the entry once, and before asking for the next one');
    const { size } = header;
    const { maxEntryBytes } = this.#limits;
    if (size > maxEntryBytes) throw tooLarge(this.#path, path, size, maxEntryBytes);
    this.#unread = undefined;
    const bytes = this.#bytes.takeNow(size) ?? (await this.#bytes.take(size));
    if (bytes.length < size) throw this.#cut();
    this.#left -= size;
    return new Uint8Array(bytes);
  }

  async *#chunks(header: TarHeader): AsyncGenerator<Uint8Array, void, void> {
    if (this.#unread !== header) throw new TypeError('read the entry once, and before asking for the next one');
    this.#unread = undefined;
    for (let left = header.size; left > 0; ) {
      const bytes = await this.#bytes.take(Math.min(left, PIECE));
      if (bytes.length === 0) throw this.#cut();
      left -= bytes.length;
      this.#left -= bytes.length;
      yield new Uint8Array(bytes);
    }
  }

  async #extension(header: TarHeader): Promise<Uint8Array> {
    if (header.size > MAX_EXTENSION) throw invalid(this.#path, `an extended header of ${header.size} bytes`);
    const bytes = await this.#bytes.take(header.size);
    if (bytes.length < header.size) throw this.#cut();
    this.#left -= header.size;
    return bytes;
  }

  async #longName(header: TarHeader): Promise<string> {
    const bytes = await this.#extension(header);
    return decodeName(bytes, 0, bytes.length);
  }

  /** git archive puts a comment there; a name or size for every entry has no honest use. */
  async #globalHeader(header: TarHeader): Promise<void> {
    const { path, size } = decodePax(await this.#extension(header), this.#path);
    if (path !== undefined || size !== undefined) throw invalid(this.#path, 'a global header that renames entries');
  }

  async #skipRest(): Promise<void> {
    this.#unread = undefined;
    if (this.#left > 0 && this.#bytes.takeNow(this.#left) === undefined && (await this.#bytes.skip(this.#left)) > 0) {
      throw this.#cut();
    }
    this.#left = 0;
  }

  /** After the first zero block there must be a second, then nothing but zeros: else entries would go unseen. */
  async #finish(): Promise<undefined> {
    const second = await this.#bytes.take(BLOCK);
    if (second.length < BLOCK) throw this.#cut();
    if (!isZero(second) || !(await this.#bytes.restIsZero())) {
      throw invalid(this.#path, 'trailing bytes, perhaps a second archive was appended');
    }
    return undefined;
  }

  #cut(): Error {
    return invalid(this.#path, 'the archive is truncated here', this.#current || undefined);
  }
}
