import type { FileHandle } from 'node:fs/promises';
import { crc32, inflateRawSync } from 'node:zlib';
import { NameSet } from '../entry-path.ts';
import { invalid, tooLarge, unsafe } from '../faults.ts';
import { FileWindow } from '../file-window.ts';
import { type ArchiveLimits, Budget } from '../limits.ts';
import type { ArchiveEntry, ArchiveReader } from '../reader.ts';
import { type DirectoryPlace, findDirectory } from './end.ts';
import {
  CENTRAL_BYTES,
  centralSize,
  checkLocal,
  decodeCentral,
  LOCAL_BYTES,
  localSize,
  methods,
  type ZipHeader,
} from './header.ts';

/**
 * A zip archive read through its central directory. The whole directory is checked before the first entry is given,
 * so nothing is taken from an archive that turns out unsafe at its end.
 *
 * General libraries open a stream for each entry, which takes some 30 times as long on archives of small records.
 */
export class ZipReader implements ArchiveReader {
  readonly format = 'zip';
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #limits: ArchiveLimits;
  readonly #place: DirectoryPlace;
  readonly #content: FileWindow;
  #current: ZipHeader | undefined;

  private constructor(file: FileHandle, path: string, limits: ArchiveLimits, place: DirectoryPlace) {
    this.#file = file;
    this.#path = path;
    this.#limits = limits;
    this.#place = place;
    this.#content = new FileWindow(file, path);
  }

  /** Takes over `file`, once it has returned. */
  static async open(file: FileHandle, path: string, fileSize: number, limits: ArchiveLimits): Promise<ZipReader> {
    const place = await findDirectory(new FileWindow(file, path), path, fileSize);
    const reader = new ZipReader(file, path, limits, place);
    await reader.#checkDirectory(fileSize);
    return reader;
  }

  async *entries(): AsyncGenerator<ArchiveEntry, void, void> {
    for await (const headers of this.#headers()) {
      for (const header of headers) {
        if (header.isFolder) continue;
        this.#current = header;
        yield { path: header.path, size: header.size, read: () => this.#read(header) };
      }
    }
    this.#current = undefined;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #checkDirectory(fileSize: number): Promise<void> {
    const { count } = this.#place;
    const budget = new Budget(this.#path, this.#limits);
    const names = new NameSet();
    const extents = new Extents(Math.min(count, this.#limits.maxEntries));
    let unpacked = 0;
    for await (const headers of this.#headers()) {
      for (const header of headers) {
        budget.countEntry();
        if (!names.add(header.path)) throw unsafe(this.#path, 'the archive has this name twice', header.path);
        budget.checkEntryRatio(header.path, header.packed, header.size);
        unpacked += header.size;
        extents.add(header.offset, header.offset + LOCAL_BYTES + header.rawName.length + header.packed);
      }
    }
    budget.checkTotal(fileSize, unpacked);
    if (extents.overlap(this.#place.offset)) throw invalid(this.#path, 'entries that share bytes of the file');
  }

  /** Headers in the directory's order, in batches as the window has them. */
  async *#headers(): AsyncGenerator<ZipHeader[], void, void> {
    const window = new FileWindow(this.#file, this.#path);
    const { offset, size, count } = this.#place;
    const end = offset + size;
    let at = offset;
    for (let seen = 0; seen < count; ) {
      const headers: ZipHeader[] = [];
      let needed = CENTRAL_BYTES;
      for (; seen < count; seen++) {
        if (at + CENTRAL_BYTES > end) throw invalid(this.#path, `its directory ends after ${seen} of ${count} entries`);
        const fixed = window.peek(at, CENTRAL_BYTES);
        if (fixed === undefined) break;
        needed = centralSize(fixed, this.#path);
        if (at + needed > end) throw invalid(this.#path, `its directory ends after ${seen} of ${count} entries`);
        const whole = window.peek(at, needed);
        if (whole === undefined) break;
        headers.push(decodeCentral(whole, this.#path));
        at += needed;
        needed = CENTRAL_BYTES;
      }
      if (headers.length > 0) yield headers;
      if (seen < count) await window.load(at, needed);
    }
    if (at !== end) throw invalid(this.#path, `its directory has more than the ${count} entries that it promises`);
  }

  async #read(header: ZipHeader): Promise<Uint8Array> {
    if (this.#current !== header) throw new TypeError('read the entry once, and before asking for the next one');
    this.#current = undefined;
    const { path, size, packed, offset } = header;
    const { maxEntryBytes } = this.#limits;
    if (size > maxEntryBytes) throw tooLarge(this.#path, path, size, maxEntryBytes);
    // Deflate adds 5 bytes to 64 KiB at worst; what is far larger packed than unpacked only costs memory.
    if (packed > 2 * size + 1024) throw invalid(this.#path, `${packed} bytes packed for ${size} unpacked`, path);
    const fixed = this.#content.peek(offset, LOCAL_BYTES) ?? (await this.#content.load(offset, LOCAL_BYTES));
    const skip = localSize(fixed, header, this.#path);
    if (offset + skip + packed > this.#place.offset) throw invalid(this.#path, 'it runs into the directory', path);
    const bytes = this.#content.peek(offset, skip + packed) ?? (await this.#content.load(offset, skip + packed));
    checkLocal(bytes.subarray(0, skip), header, this.#path);
    const content = this.#unpack(bytes.subarray(skip), header);
    if (crc32(content) !== header.crc) throw invalid(this.#path, 'its checksum does not match', path);
    return content;
  }

  #unpack(packed: Buffer, header: ZipHeader): Uint8Array {
    const { path, size, method } = header;
    if (method === methods.stored) return new Uint8Array(packed);
    const { buffer, engine } = this.#inflate(packed, header);
    if (buffer.byteLength !== size) throw invalid(this.#path, `${buffer.byteLength} bytes unpacked, not ${size}`, path);
    if (engine.bytesWritten !== packed.byteLength) throw invalid(this.#path, 'bytes after its content', path);
    return buffer;
  }

  #inflate(packed: Buffer, { path, size }: ZipHeader): Inflated {
    try {
      // A chunk of exactly one byte more than the content spares zlib a second round, and the copy after it.
      const options = { chunkSize: Math.max(size + 1, 64), maxOutputLength: Math.max(size, 1), info: true };
      return inflateRawSync(packed, options) as unknown as Inflated;
    } catch (cause) {
      throw invalid(this.#path, 'its content cannot be inflated, or is not as long as promised', path, cause);
    }
  }
}

/** What node:zlib's `info: true` makes of a result; the types of Node do not know it. */
interface Inflated {
  readonly buffer: Uint8Array;
  readonly engine: { readonly bytesWritten: number };
}

/** The stretches of the file that entries claim, at 16 bytes each. */
class Extents {
  readonly #starts: Float64Array;
  readonly #ends: Float64Array;
  #count = 0;

  constructor(capacity: number) {
    this.#starts = new Float64Array(capacity);
    this.#ends = new Float64Array(capacity);
  }

  add(start: number, end: number): void {
    this.#starts[this.#count] = start;
    this.#ends[this.#count++] = end;
  }

  /** Whether any two share bytes, or one reaches beyond `limit`. */
  overlap(limit: number): boolean {
    const order = this.#inOrder() ? undefined : this.#sorted();
    let end = 0;
    for (let i = 0; i < this.#count; i++) {
      const at = order?.[i] ?? i;
      if ((this.#starts[at] as number) < end) return true;
      end = this.#ends[at] as number;
    }
    return end > limit;
  }

  #inOrder(): boolean {
    for (let i = 1; i < this.#count; i++) {
      if ((this.#starts[i] as number) < (this.#starts[i - 1] as number)) return false;
    }
    return true;
  }

  #sorted(): Uint32Array {
    const order = Uint32Array.from({ length: this.#count }, (_, i) => i);
    return order.sort((a, b) => (this.#starts[a] as number) - (this.#starts[b] as number));
  }
}
